"""SR4ZCT, through-plane resolution of CT at any overlap (Shi et al., MLMI 2023): paper to code.

A network learns on the axial slices of the very scan that it is to improve: they are blurred along one axis
as the scan's slices blur its coronal and sagittal images, and it learns to undo this.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2, r_z, d, o_z                  ``mlmi2023.cohorts.forms.ct_stacks.reader.Stack``
Sect. 2, Fig. 2, F_down, F_up         ``mlmi2023.physics.slice_profile``, ``operators.degradation``
Sect. 2, a_ver, a_hor, rotation R     ``data.OffAxisPairs``
Eq. 1                                 ``train.Enhancement``
Sect. 2, F_up, then f on c and s      ``operators.upscaling``, ``evaluate``
Sect. 2, MS-D network                 ``msd.MSDNets``
Sect. 3, simulated scans              ``cohorts.forms.ct_stacks.form``; stand-in: ``simulators.chest_ct``
Table 1, supervised                   ``data.ReferencePairs``
Table 1, metrics, central area        ``measures``
Table 2, SMORE                        ``operators.degradation`` with ``kind: convolve``
Fig. 5, wrong assumptions             key ``assume`` of the methods, ``members``
Fig. 7, SAINT, RPLHR                  ``saint``, ``rplhr``, ``slabs``
Figs. 3 to 7                          ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
