"""Neural instance optimisation under distribution shifts (Mok et al., MLMI 2023): paper to code.

A registration pyramid that was trained on one domain is adapted to each pair of another one by optimising
its weights on that pair, coarse levels first. Optimising the field itself instead, from where the network
leaves it, helps little.

=====================================  =================================================================
In the paper                           Here
=====================================  =================================================================
Eq. 1, instance optimisation (IO)      ``instance.refine_field``
Eq. 2, neural instance optimisation    ``instance.refine_network``
Sect. 2.2, levels one after the other  ``instance.refine_network`` (at test time), ``train`` (in training)
LapIRN, the pyramid                    ``mlmi2023.nets.registration.lapirn``
Sect. 2.3, Eq. 3                       ``objective.Objective``
Sect. 3, data                          ``cases``; cohorts ``brain_shift``, ``breathing_lungs``
Sect. 3, B-splines, affine augmentation  ``objective.Deformation``
Sect. 3, measurement                   ``measures``
MPR, ULAE                              ``mpr``, ``ulae``
SyN, NiftyReg                          ``mlmi2023.classical.syn``, ``mlmi2023.classical.niftyreg``
Tables 1 and 2                         ``methods``, ``evaluate``
Figs. 2 and 3                          ``figures``
=====================================  =================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
