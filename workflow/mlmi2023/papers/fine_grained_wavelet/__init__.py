"""FET, wavelet-based enhancement of high frequencies in Transformers (Azad et al., MLMI 2023): paper to code.

A U of Transformer blocks whose attention works on Haar sub-bands of the features: spatial and channel
attention side by side, and a gate from the detail bands that marks boundaries in the values.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Eq. 1, ordinary attention             ``attention.spatial``, ``attention.StandardAttention``
Sect. 2.1, Eq. 2                      ``attention.efficient``, ``attention.EfficientAttention``
Sect. 2.2, wavelet transform          ``mlmi2023.nets.blocks.wavelet``
Sect. 2.2, Fig. 2a, FET block         ``attention.FrequencyAttention``
Sect. 2.2, boundary attention         ``boundary``
Fig. 1, LayerNorm, FET, Mix-FFN       ``blocks.TransformerBlock``, ``nets.blocks.mix_ffn``
Sect. 2.3, Fig. 2b, MSCE              ``bridge``
Fig. 1, the U                         ``model.FrequencyUnet``
Sect. 3, loss and training            ``train.plan``, ``mlmi2023.losses.segmentation``, key ``train``
Sect. 3, data preparation             ``mlmi2023.tasks.segmentation.slices``
Table 1, Dice and HD                  ``measures``
Table 1, baseline                     ``FrequencyUnet`` with ``attention: efficient``, ``bridge: 0``
Table 1, R50 U-Net, DeepLabv3+        ``convolutional``
Table 1, LeViT-UNet, HiFormer         ``levit_unet``, ``hiformer``
Table 1, other rows                   ``mlmi2023.nets.segmentation.builders``
Table 2b, TMU-Net                     ``tmu_net``
Fig. 3, spectra                       ``spectra``, ``figures.FIGURES["fig3"]``
Table 2a, pictures                    ``figures.FIGURES["fig_organs"]``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
