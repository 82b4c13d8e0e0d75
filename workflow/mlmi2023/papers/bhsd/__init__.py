"""BHSD, bleeds of five kinds in head CT (Wu et al., MLMI 2023): paper to code.

A data paper with four experiments on one data set: which network finds the bleeds, how many scans without any
bleed help, whether five models of one class replace one of five, and what scans without labels add.

====================================  ========================================================================
In the paper                          Here
====================================  ========================================================================
Sect. 2.2, volumes from DICOM slices  form ``pool_scans``, ``cohorts.formats.dicom``
Sect. 2, Figs. 1 and 2, the data set  ``config/cohorts/bhsd.yaml``, ``figures``; stand-in: ``head_ct``
Sect. 3, window and normalisation     the cohort's key ``read.window``, ``air.normalised``
Sect. 3, sub-volumes                  ``cases.HeadScans``, ``air``: what lies outside of a scan is air
Sect. 3.1, Table 1, five networks     ``networks``, ``nnunet``, ``cotr``, ``deformable``, ``nnformer``
Sect. 3.2, Table 2, no hemorrhage     the method's key ``negatives``
Sect. 3.3, Table 3, one class each    the method's key ``only``; ``merging``
Sect. 3.4, Table 4, semi-supervised   the method's key ``semi``, ``tasks.segmentation.semi_supervised``
Dice, false positives                 ``evaluate.score``, ``conventions``
Table 1's printed mean of nnFormer    ``means``
====================================  ========================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
