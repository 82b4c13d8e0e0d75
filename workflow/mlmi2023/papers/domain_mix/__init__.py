"""Self-training with domain-mixed data for few-shot adaptation (Wang et al., MLMI 2023): paper to code.

A segmenter that has learned on one camera is brought to another of which five images have masks. Objects
are cut out of images of one pool and pasted into those of another; where the latter have no masks, the answer
of a slowly following teacher takes their place.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2.1, teacher and pseudo-labels  ``module.Adapting``, ``pseudo``, ``training.loop.ema``
Sect. 2.2, Fig. 2, the student        ``model.Student``, ``networks``
Sect. 2.2, shape-guided branch        ``model.Student.shape``, ``losses.boundary_of``
Sect. 2.2, Dice and cross-entropy     ``losses.StudentLoss``
Sect. 2.3, domain mix                 ``mixing``
Sect. 2.4, pools, steps, settings     ``samples``; keys ``learn``, ``mix`` and ``stages`` of the methods
Sect. 3.1, data, five shots           form ``domain_images``, ``mlmi2023.tasks.domains``;
                                      stand-ins: simulators ``fundus`` and ``colonoscopy``
Sect. 3.1, Dice, Tables 1 to 4        ``evaluate.score``
====================================  ==================================================================

Seeds are the paper's repeats: each draws its own five shots. What was settled differently from the paper, or
where it is silent: ``deviations.yaml``.
"""
