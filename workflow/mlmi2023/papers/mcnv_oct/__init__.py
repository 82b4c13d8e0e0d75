"""Super token transformer beside a CNN for mCNV lesions in OCT (Dong et al., MLMI 2023).

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Fig. 1, the network                   ``model.ParallelNet``
Sect. 2, stem of four convolutions    ``vit_branch.Stem``
Sect. 2.1, Fig. 2, STViT module       ``vit_branch.SuperTokenViT``; E.1 and E.2 have ``vit_branch.PlainViT``
Sect. 2.1, STT block, CPE, CFFN       ``vit_branch.SuperTokenBlock``, ``vit_branch.ConvFFN``
Sect. 2.2, Eq. 1, association         ``attention.associate``
Eq. 2, column norm and update         ``attention.update``
Eqs. 3 and 4, MHSA and upsampling     ``attention.SuperTokenAttention``
Sect. 2.3, Fig. 3, FFM                ``fusion.Fusion``; E.1 and E.3 leave ``separable`` out
Sect. 2, attention gates, upsampling  ``model.Decoder``
Sect. 3.1, data                       forms ``images`` and ``bscans``; stand-in: simulator ``retinal_oct``
Sect. 3.1, augment, then split        ``copies.Copies``, rows ``..._leaky``
Tables 1 and 2, metrics               ``evaluate.score``; ``pairs`` says which printed ones cannot be
Table 1, baselines                    ``utnet``, ``tmunet``, ``nets.segmentation.builders``
Fig. 4                                ``figures.FIGURES``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
