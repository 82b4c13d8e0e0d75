"""Prostate from several MR images (Shanmugalingam et al., MLMI 2023): paper to code.

A network has an encoder for each kind of image, T2 in three planes, diffusion and contrast frames, and one
decoder, which answers at four resolutions. What each input adds is seen in fourteen settings.

=====================================  =======================================================================
In the paper                           Here
=====================================  =======================================================================
Sect. 3.1, ProstateX                   form ``registered_scans``
Its stand-in                           ``cohorts.sources.simulators.prostate_mri``
Sect. 3.1, registration, resampling    ``cohorts.forms.registered_scans.aligning``
Sect. 3.2, Fig. 2                      ``model.DospyResidualUsenet``
Sect. 3.2, residual and SE blocks      ``blocks.ResidualSE``, ``blocks.ScSE``
Sect. 3.2, cascaded pyramid pooling    ``blocks.CascadedPyramid``
Sect. 3.2, deep output supervision     ``train.plan``, ``mlmi2023.losses.segmentation.DeepSupervision``
Sect. 3.3, settings                    key ``inputs`` of each method
Sect. 3.3, folds                       ``cases.Glands``
Sect. 3.4, DSC, HD, ASSD, RAVD         ``measures``
Table 1, its asterisks                 ``evaluate``, ``comparing``
Figs. 1 and 3                          ``figures.FIGURES``
Memory by number of inputs             ``costs``
=====================================  =======================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
