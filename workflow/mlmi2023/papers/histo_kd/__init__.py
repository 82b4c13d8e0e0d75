"""More from Less: self-supervised distillation for routine histopathology (Farndale et al., MLMI 2023).

Two encoders learn to say the same of a patch that each sees its own way: one the information-sparse view that
there will be at test, the other an information-dense one. The sparse encoder is then frozen and probed.

==========================================  =====================================================
In the paper                                Here
==========================================  =====================================================
Sect. 2.1, symmetric, asymmetric pairs      ``building.branch_views``, ``embedding.Embedding``
Sect. 2.1, H&E and pan-CK IF                datasets ``shift`` (pairs), ``he_if`` (probes): Table 1
Sect. 2.1, crop and pad, down-sample        ``views.cropped``, ``views.coarse``
Sect. 2.1, nuclear masks                    ``patches.Patches.view``, view ``map``
Sect. 2.1, most common cell type            ``patches.most_frequent_structures``
Table S1, augmentation                      ``augment.augmented``
Sect. 2.2, ResNet-50, expander, classifier  ``model.Encoder``, ``model.Expander``, ``model.Classifiers``
Sect. 2.2, shared weights                   ``model.JointEmbedding``
Sect. 2.2, VICReg, SimCLR                   ``losses.vicreg``, ``losses.nt_xent``
Sect. 2.2, training                         ``train.plan``
Sect. 2.2, probe of a frozen encoder        ``classifying.Probing``
Sect. 2.2, supervised, Sect. 2.1, transfer  ``classifying.Classifying``, ``building.build``
Table S5, U-Net from H&E to IF              ``model.build_unet``, ``embedding.Translating``
Tables 1 and 2                              ``evaluate``
Fig. 2, Grad-CAM                            ``gradcam``, ``figures``
Fig. 3, CKA                                 ``similarity``, ``evaluate``, ``figures``
==========================================  =====================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
