"""Implicitly solved regularisation for registration (Ehrhardt and Handels, MLMI 2023): paper to code.

A registration network is pulled towards a regularised copy of its own displacement field. The copy is the
exact minimum of a small quadratic problem, solved on the device in every iteration; no derivative of the
field enters the gradient, and what the images say at edges reaches flat regions at once.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Eq. 1, explicit regularisation        ``losses.ExplicitRegularizer``
Eqs. 2 and 3, quadratic relaxation    ``losses.ImplicitRegularizer``
Eqs. 4 to 6, the solve                ``solvers.ImplicitSolver``, ``transforms``
Operators of diffusion, curvature,    ``operators.apply_operator`` and ``energy``
elasticity (Sect. 2)
Fig. 2                                ``toy``, ``figures.FIGURES``
VoxelMorph, TransMorph                ``nets.registration.voxelmorph``, ``nets.registration.builders``
Sect. 3, pairs of the two scenarios   ``tasks.registration.pairs``
Sect. 3, training                     ``train``, ``losses``, ``tasks.registration.objective``
Sect. 3, evaluation metrics           ``measures``, ``smoothness``
Sect. 4.1, time per iteration         ``timing``
Sect. 4.2, grid search                ``candidates``; both halves of Table 2 are settings of one method
SyN of Table 1                        ``mlmi2023.classical.syn``
Figs. 1, 3 and 4                      ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
