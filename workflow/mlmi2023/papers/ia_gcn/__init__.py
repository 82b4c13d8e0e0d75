"""Interpretable attention GCN for disease prediction (Kazi et al., MLMI 2023): paper to code.

Subjects are nodes of a graph that is learned from their features; a GCN classifies them; one learned weight
per feature says what matters.

================================  =======================================================================
In the paper                      Here
================================  =======================================================================
Sect. 2.1, IAM h_M                ``attention.FeatureAttention``
Sect. 2.2, GLM g_phi              ``graphs.GraphLearner``
Sect. 2.3, classifier f_theta     ``model.LearnedGraphNet``, ``model.GraphConvolution``
Sect. 2.4, Eq. 1                  ``losses.total_loss``, ``losses.mask_entropy``, ``losses.mask_size``
GCN, GAT (given graph)            ``model.NeighbourNet``
DGCNN                             ``model.DynamicNet``
DGM                               ``model.LearnedGraphNet`` without attention
LC                                ``classical.classifiers.fit_predict``
Sect. 3, 10 folds                 ``training.data.tabular``, ``train.FoldEnsemble``
Tables 1 and 2                    ``tasks.classification.score``, ``measures.inside_scores``
Table 3, settings a to d          ``inputs.choose``
Attention and correlation (text)  ``figures``
================================  =======================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
