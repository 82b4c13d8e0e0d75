"""unORANIC: unsupervised orthogonalization of anatomy and image-characteristic features (Doerrich et al.).

Two encoders see a corrupted image. The code of one must be the same whatever the corruption, and rebuild the
clean image; the code of the other says what is left, so that both together rebuild the corrupted one.

===================================  ==========================================================
In the paper                         Here
===================================  ==========================================================
Sect. 2, augmentation A_S            ``corruptions.training``
Sect. 2.1, variants S, v_1, v_2      ``pictures.Draws``, ``representing.Orthogonalizing``
Eq. (1), consistency                 ``losses.consistency``
Eqs. (2) and (3), reconstruction     ``losses.reconstruction``
Eq. (4), their sum                   ``representing.Orthogonalizing.training_step``
Sect. 2.2, encoders and decoders     ``model.Encoder``, ``model.Decoder``, ``model.TwoBranches``
Sect. 2.2, cyclic rate               ``rates``
Sect. 3.1, Table 1                   ``evaluate``
Sect. 3.2, Table 2, vanilla AE       ``model.OneBranch``, ``representing.Autoencoding``
Sect. 3.3, Fig. 4, revision          ``evaluate``, ``figures``
Sect. 3.4, Tables 3 and 4, probes    ``probing.Probing``
Sect. 3.4, ResNet-18                 ``model.residual_network``, ``probing.Classifying``
Sect. 3.5, Fig. 5, robustness        ``corruptions.unseen``, ``evaluate``, ``figures``
===================================  ==========================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
