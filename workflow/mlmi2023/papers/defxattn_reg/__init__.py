"""Deformable cross-attention for registration (Chen et al., MLMI 2023): paper to code.

Two Swin-like encoders, one for each image, talk by windowed cross-attention whose reference windows are
deformed by learned offsets; a convolutional decoder turns their sums into a displacement field.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2, Eq. 1, Fig. 1d               ``attention.WindowCrossAttention`` with ``offset_kernel=None``
Sect. 3, Eq. 2, Fig. 2b               ``attention.WindowCrossAttention``
Sect. 3, offset network, Fig. 2c      ``attention.OffsetNet``
Sect. 3, psi (sampling), Fig. 2c      ``attention.WindowCrossAttention.sample``
Sect. 3, Fig. 2a, parallel encoders   ``attention.TwinBlock``, ``encoders.CrossAttentionEncoder``
Sect. 3, Fig. 2a, ConvNet decoder     ``mlmi2023.nets.blocks.upward.UpPath``
XMorpher's enlarged windows           ``search_attention.SearchWindowAttention``
Decoder of IXI (TM-bspl)              ``decoders.BSplineDecoder``
Decoder of OASIS, ALBERTs (TM-TVF)    ``decoders.TimeVaryingDecoder``
TransMorph                            ``mlmi2023.nets.blocks.swin_pyramid``, ``mlmi2023.nets.blocks.upward``
VoxelMorph                            ``mlmi2023.nets.registration.voxelmorph``
CycleMorph                            ``cycle.CyclePair``, ``cycle.cycle_loss``
LapIRN                                ``mlmi2023.nets.registration.lapirn``, ``pyramid.ProgressivePyramid``
ConvexAdam                            ``convexadam.ConvexAdam``
Any row, from config                  ``model.build_net``
Losses, training                      ``train.plan``, ``mlmi2023.tasks.registration.objective``
Sect. 4, pairs of the three tasks     ``mlmi2023.tasks.registration.pairs``
Sect. 4, evaluation metrics           ``mlmi2023.tasks.registration.measures``
Table 1                               ``evaluate.score`` gives its values, ``mlmi2023.reporting`` the table
Fig. 2d                               ``figures``, ``sampling.sampling_grid``
Gap by displacement (not printed)     ``figures``, ``strata``
Fig. 3                                ``figures``, ``gradcam.heat_map``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
