"""Boundary-RL: outlines by walks of a patch (Yi et al., MLMI 2023): paper to code.

A classifier learns from labels of patches whether there is any gland in one. An agent walks such a patch from
the edge of an image until the classifier fires; many of these places, joined up, are the gland's outline.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2.1, presence classifier        ``classifier``, learned by ``patch_training``
Sect. 2.2, states and transitions     ``environment``, with gymnasium's interface; ``patches``
Sect. 2.2, rewards                    ``rewards``
Sect. 2.2, policy                     ``controller``
Sect. 2.2, policy optimisation        ``ppo`` (objective), ``walk_training`` (Algorithm 1)
Sect. 2.2, terminal signals, noise    ``environment``; ``drawing_lots`` (its random numbers)
Sect. 2.2, points to outline          ``outline``
Algorithm 1 at inference              ``walking``
Sect. 3.1, data                       ``cases``, ``patch_table``
Sect. 3.3, MIL-P and MIL-S            ``mil``
Sect. 3.3, full supervision           ``tasks.segmentation``
Table 1                               ``evaluate``, ``comparing`` (paired t-tests)
Figure 2, and figures of ours         ``figures``, ``path_figure``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
