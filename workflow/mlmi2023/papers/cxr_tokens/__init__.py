"""Reports of chest X-rays from tokens of regions that know findings (Dalla Serra et al., MLMI 2023).

======================================  ================================================================
In the paper                            Here
======================================  ================================================================
Sect. 3.1, Faster R-CNN with findings   ``detector.CompactDetector``; ``faster_rcnn`` is torchvision's
Eq. 1, sum of losses                    ``detecting.total_loss``
Eq. 2, loss and weights of findings     ``cnn.finding_loss``, ``cnn.rarity_weights``
Sect. 3.1, A_tok, zeros if missing      ``detector.settled``, ``evaluate._predict_tokens``
Sect. 3.2, Eq. 3, TE and RG             ``writer.Writer``, input texts ``train.asked_of``
Sect. 3.2, token + position + segment   ``writer.Writer.encode``
Sect. 4.1, data                         form ``radiographs``; stand-in: simulator ``xray_studies``
Sect. 4.1, NLG                          ``mlmi2023.metrics.report_language``, ``metrics.rouge``
Sect. 4.1, CE                           ``measures.clinical``; labels by ``labelling`` or ``chexbert``
Sect. 4.2, half of the triples masked   ``train.kept``
Sect. 4.2, CNN end to end               ``cnn.Places``; findings first: ``cnn.FindingClassifier``
Table 1, R2Gen                          ``memories.RelationalMemory``, ``attention.Norm``
Table 1, R2GenCMN                       ``memories.SharedMemory``
Table 1, M2 Tr + fact_ENTNLI            ``attention`` (slots, gates), ``writing.Rewarded``
Table 1, RGRG                           ``writer.RegionWriter``, ``writing.RegionWriting``
Sect. 5, mFD                            ``frechet.distances``
Figs. 2 and 3                           ``figures.FIGURES``
======================================  ================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
