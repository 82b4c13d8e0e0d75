"""FFPN: Fourier Feature Pyramid Network for ultrasound image segmentation (Chen, Yang et al., MLMI 2023).

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Eq. 1, elliptic Fourier description   ``efd``; from and to masks: ``outlines``
Sect. 2.1, Fig. 3, pyramid and heads  ``mlmi2023.nets.blocks.feature_pyramid``, ``model.FFPN``
Eq. 2, objectives                     ``efd.extents``, ``losses.regression_loss``
Eq. 3, losses                         ``losses``
PolarIoU * BoxIoU                     ``overlap``
Sect. 2.2, Fig. 4, CSR                ``refinement.Refinement``
Sect. 3, anchors by clustering        ``anchors.cluster``
Sect. 3, thresholds of samples        ``model.FFPN.match``
Sect. 3, data                         form ``outlines``, ``cases``; stand-in: simulator
                                      ``ultrasound_contours``
Table 1, baselines                    U-Net, Swin U-Net: ``mlmi2023.nets.segmentation``; ``deeplab``,
                                      ``mask_rcnn``, ``polarmask``, ``polysnake``, ``cpn``
Tables 1 and 2, DICE, IoU, HD, Conf   ``evaluate.measure``
Table 1, Mem and FPS                  ``costs``
Figs. 1, 2a and 5                     ``figures.FIGURES``
====================================  ==================================================================

A detector has ``losses(image, truth)`` and ``found(image)``, which answers with one contour, or mask, for
each structure (``truth.Found``); ``module.Detecting`` trains all of them alike. What was settled differently
from the paper, or where it is silent: ``deviations.yaml``.
"""
