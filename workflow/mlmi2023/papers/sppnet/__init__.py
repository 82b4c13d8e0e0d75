"""SPPNet: a single-point prompt network for nuclei image segmentation (Xu et al., MLMI 2023).

======================================  ================================================================
In the paper                            Here
======================================  ================================================================
Sect. 2.1, Fig. 1, Eqs. 1 and 2, CNPS   ``points``
Sect. 2.2, Fig. 2, LLSIE and others     ``low_level``
Sect. 2.3, Fig. 3, architecture         ``model.SPPNet``; Tiny-ViT: ``tiny_vit``; SAM's prompt encoder, mask
                                        decoder and ViT: transformers, by ``sam``
Sect. 2.3, post-processing              ``frame.Frame.restored``
Sect. 3.1, loss, augmentation           ``config/papers/sppnet.yaml``, ``augment``
Sect. 3.1, pre-trained checkpoints      ``networks.start_from``; of stand-ins: ``shapes``, ``module``
Sect. 3.2, IoU, Dice, costs             ``evaluate.score``, ``costs``
Tables 1 to 3, baselines                ``mlmi2023.nets.segmentation`` and ``networks``
Sect. 3.5, Fig. 4 (right), stability    ``redraws``
Figs. 4 and 5                           ``figures.FIGURES``
======================================  ================================================================

A batch becomes what networks see (``seen.Seen``): the image at the encoder's size and at a quarter of it,
and a point of a nucleus and one of the background, drawn after augmentation. Networks without prompts see
the small image alone. What was settled differently from the paper, or where it is silent:
``deviations.yaml``.
"""
