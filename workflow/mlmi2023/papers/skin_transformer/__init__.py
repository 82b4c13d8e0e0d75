"""Efficient transformer with inter-scale context fusion for skin lesions (Eskandari et al., MLMI 2023).

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Eq. 2, efficient attention            ``attention.EfficientAttention``
Eqs. 3 and 4, Fig. 1b, the block      ``attention.EfficientBlock``, ``nets.blocks.mix_ffn``
Fig. 1a, encoder and decoder          ``attention.Stage``, ``model.SkinTransformer``
Sect. 2.2, Fig. 2, ISCF               ``iscf.ISCF``, ``iscf.ContextMix``
Sect. 3, loss, optimiser              ``train.plan``, ``mlmi2023.losses.segmentation``
Sect. 3.1, data                       form ``images``; stand-in: simulator ``dermoscopy``
Table 1, baselines                    ``mlmi2023.nets.segmentation.builders``, ``fatnet.FATNet``
Table 1, DSC, SE, SP, ACC             ``evaluate.score``
Table 2, scales, input size           keys ``net.scales`` and ``size`` of the methods
Fig. 3                                ``figures.FIGURES``
====================================  ==================================================================

Every method is judged by the ``honest`` protocol: the validation split picks the epoch, a probability of 0.5
decides, and nothing is done to the answer. What the released notebooks do instead (the test split picks the
epoch, and the truth picks among blobs) is kept apart as settings of its own: ``release``.

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
