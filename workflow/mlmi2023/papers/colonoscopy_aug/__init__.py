"""Interpretability-guided augmentation of colonoscopy (Corbetta et al., MLMI 2023): paper to code.

A classifier learns from edges which centre a frame is of. Where it looks is what the centre's system has
written over the frame; that is blanked, now and then, while a network learns to segment polyps.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2.1, Sobel filtering            ``edges``
Sect. 2.1, classifier of centres      ``classifier``
Sect. 2.2, Algorithm 1, GradCAM       ``saliency``
Sect. 2.2, binarised at 0.5           ``keeping.attended``, ``keeping.keep_maps``
Sect. 2.3, with probability p         ``frames.Drawn``, ``source.MaskedFrames``
Sect. 2.3, UNet                       ``unet``
Sect. 2.3, DeepLabV3+                 ``deeplab``
Sect. 2.3, SDNet                      ``sdnet``, ``sdnet_training``
Sect. 3, leave one centre out         ``frames``: fold k leaves out the k-th of ``task.left_out``
Sect. 3, metrics                      ``measures``
Sect. 3, parameter study              ``choosing``: p chosen on validation frames, or on tested ones
Controls: other masks                 ``keeping``
Figures 1, 3 and 4                    ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
