"""PECon, contrastive pretraining of CT and health-record features (Sanjeev et al., MLMI 2023): paper to code.

A frozen 3D network makes one feature vector of a scan, a record is another. Two projection networks are
pretrained so that embeddings of one class lie together across modalities and patients, then fine-tuned to
classify; the weighted mean of both answers is the diagnosis.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2, Eq. 1                        ``losses.supervised_contrastive``
Sect. 2, Eq. 2, lambda                ``fusion.fuse``, ``fusion.choose``
Sect. 2, Fig. 1, f_c and f_e          ``branches.Branches``
Sect. 2, mean of N sub-volumes        ``features.extract``
Sect. 3.1, record in [0, 1]           ``record.fit_preparation``
Sect. 3.1, scans in [-1, 1]           ``scans.ScanStore``
Sect. 3.2, PENet                      ``penet.PENet``, ``checkpoint.load_release``, ``backbone`` (training it)
Sect. 3.2, augmentation               ``scans.draw_augmentation``
Sect. 3.2, pretraining stage          ``train.Pretraining``
Sect. 3.2, fine-tuning stage          ``train.Finetuning``
Table 1, RadFusion's rows             ``elasticnet.elasticnet``, ``evaluate`` (late fusion)
Table 2, sub-segmental cases          key ``exclude`` of the methods, ``examdata.excluded``
Table 3, ConVIRT, Barlow Twins        ``losses.info_nce``, ``losses.barlow_twins``
Tables 1 to 3                         ``evaluate.score`` gives their values
Fig. 2, t-SNE                         ``figures``
Fig. 3, Grad-CAM                      ``gradcam``, ``figures``
Supplement, lambda                    ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
