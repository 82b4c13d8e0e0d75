"""Prostate cancer with decisions at several scales: DecNet (Li et al., MLMI 2023).

========================================  ============================================================
In the paper                              Here
========================================  ============================================================
Sect. 2.1, resampling, three slices       ``cases.Glands``
Sect. 2.1, intensities within the gland   ``standardise.Standard``, fitted on training patients alone
Sect. 2.2 (1), detection network          ``spcnet.SPCNet``; masked by the gland in ``losses.pixel_loss``
Sect. 2.2 (1), L_pixel                    ``losses.pixel_loss``, weights from ``losses.class_weights``
Sect. 2.2 (2), DPM                        ``dpm.DecisionModule``
Fig. 2, coarse labels                     ``dpm.coarse_labels``
Eqs. 1 and 2, L_decision                  ``losses.DetectionLoss``
Sect. 2.3, five folds, their mean         ``folds.deal``, ``model.Members``, ``module.CrossValidated``
Sect. 2.4, closing and 250 mm3            ``lesions.settled``
Sect. 2.4, lesions and sextants           ``lesions.Lesions``, ``sextants.sextants``, ``measures``
Tables 1 and 2, false positive volume     ``evaluate.score``
Table 2 against the number of patients    ``table2``
Baselines U-Net and br-U-Net              ``nets.segmentation.builders``, ``branched.BranchedUNet``
Figs. 2 and 3                             ``figures.FIGURES``
========================================  ============================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
