"""MagNET (Konwer et al., MLMI 2023): paper to code.

One network segments the parts of gliomas from whichever of four MR contrasts there are. Each contrast has an
encoder, what they find is added up and weighed at every level, and a detector of missing contrasts, which the
encoders are to fool, and a loss of correlation make the fused code look as if all were there. The trained
encoders then serve to tell whether a tumour's MGMT promoter is methylated.

=======================================  ===================================================================
In the paper                             Here
=======================================  ===================================================================
Fig. 1                                   ``model.MagNet``; what is there and what is not, ``agnostic``
Sect. 2.1, Eqs. 1 and 2, Fig. 2          ``fusion.Fusion``
Sect. 2.2, Eqs. 3 and 4                  ``adversary``, ``module.SubsetTraining``
Sect. 2.3, UNETR                         ``unetr``, from MONAI's blocks; L_seg ``losses``
Sect. 2.4, Eq. 5                         ``correlation``
Sect. 3, BraTS 2018                      form ``scans``; stand-in: simulator ``gliomas``; ``scans``
Sect. 3, 40-20-20-20                     ``subsets.drawn``, key ``shares``
Sect. 3, BraTS 2021                      form ``classed_scans``; ``patients``
Table 1, U-HeMIS and U-HVED              ``convolutional``
Table 1, ACN                             ``acn``
Table 2                                  keys ``adversarial`` and ``correlation`` of a method
Table 3                                  ``methylation``, ``classifiers``, ``diagnosing``
Tables 1 and 2, scores                   ``evaluate.score``; memory by number of inputs: ``costs``
Fig. 3                                   ``figures``
=======================================  ===================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
