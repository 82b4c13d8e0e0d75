"""RelationalUNet (Sheth et al., MLMI 2023): paper to code.

A 3D U-Net gives its decoder encoder features that relational self-attention has weighed by what lies around
each voxel, along the depth of the volume as well as in plane. It is tested on organs in CT and on lesions
under a shift of scanners.

=====================================  =======================================================================
In the paper                           Here
=====================================  =======================================================================
Sect. 3.1, Eqs. 1 to 3, Fig. 1         ``rsa.RSA``
Sect. 3.2, Fig. 2                      ``network.RelationalUNet``
Sect. 4.1, BTCV                        form ``scans``; stand-in: ``cohorts.simulators.abdominal_ct``
Sect. 4.1, Shifts 2.0                  form ``scans``; stand-in: ``cohorts.simulators.flair_lesions``
Sect. 4.2, Eq. 4, DSC                  ``mlmi2023.metrics.segmentation``
Sect. 4.2, Eq. 5, nDSC                 ``mlmi2023.metrics.ndsc``
Losses                                 ``losses``, ``mlmi2023.losses.segmentation``
Training                               ``train.plan``, ``mlmi2023.tasks.segmentation``, form ``volumes``
Inference                              ``tasks.segmentation.volumes``, MONAI's sliding window; ``lesions``
Table 1, Table 2, rows                 key ``net``, ``mlmi2023.nets.segmentation.builders``; ``evaluate``
Figs. 3 to 5                           ``figures.FIGURES``
=====================================  =======================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
