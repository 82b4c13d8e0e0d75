"""Attention of a masked vision Transformer for white matter in OCM (Hawchar and Lefebvre, MLMI 2023).

An encoder learns to draw hidden parts of unlabelled images. Where its class token looks weighs an image,
Otsu's threshold makes a mask, and a U-Net learns from such masks.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2.1, blur and top-hat           form ``image_pool``, ``mlmi2023.classical.tophat``
Sect. 2.1, images, split, pool        ``cases``, ``unlabelled``; stand-in: simulator ``fibre_bundles``
Sect. 2.2, encoder, DINO's weights    ``vit``
Sect. 2.2, masks of 16 x 16 pixels    ``masking.block_masks``
Sect. 2.2, Eq. 1                      ``masking.masked_l1``
Sect. 2.2, pretraining, crops, flips  ``pretraining``, ``views``
Sect. 2.3, when it ends               ``stopping``
Sect. 2.3, choice on ten labels       ``evaluate``, kind ``chosen``; ``attending``
Sect. 2.4, attention                  ``vit.cls_attention``
Sect. 2.4, Eq. 2, product, Otsu       ``weighting``, ``attending``
Sect. 2.5, U-Net on pseudo-labels     ``train.plan_segmenter``, ``cases.PoolCases.pseudo``
Sect. 2.5, fine-tuning, linear probe  ``vit.Probe``
Sect. 3, Eq. 3                        ``measures.hard_scores``; the release's Dice: ``measures.dc_repo``
Table 1, Otsu, k-means, Chan-Vese     ``classical``
Table 1, DINO                         ``dino``, where no file has its weights
Table 1, STEGO                        ``stego``, ``stego_training``
Table 1, PiCIE                        ``picie``, ``picie_training``
Clusters to classes                   ``clusters``
Figures 2 and 3                       ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
