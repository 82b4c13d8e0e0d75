"""CLIP for grading diabetic retinopathy on unseen domains (Baliah et al., MLMI 2023): paper to code.

Four data sets are domains; one is left out and tested. CLIP is used as it is, probed, fine-tuned on fixed
texts, or fine-tuned with CoOpLVT, where each image adds tokens of its own to the text of its class.

==================================  ================================================================
In the paper                        Here
==================================  ================================================================
Sect. 3, domains, B = b x d_tr      ``mlmi2023.tasks.domains``; ``eyes.DomainDraws``
Sect. 3.1, ERM (ResNet-50, ViT)     ``erm.Erm``, ``losses.cross_entropy``
Sect. 3.1, linear probing           ``grader.Grader`` with a ``head``
Sect. 3.1, naive fine-tuning        ``grader.Grader``, ``losses.naive``
Sect. 3.2, f_v = p f_I              ``towers.see``
Sect. 3.2, conditioner G            ``grader.Conditioner``
Sect. 3.2, Eq. 1                    ``towers.read_with``, ``grader.Grader.own_texts``
Sect. 3.2, Eq. 2                    ``losses.contrast``
Sect. 4, training                   ``train.plan``, ``eyes``, ``colours``
Sect. 4, macro F1, Tables 1 to 3    ``evaluate``, ``mlmi2023.metrics.macro_f1``
CLIP-VB, BioBERT                    ``towers.Reader``
Weights of CLIP, ImageNet, BioBERT  ``published``; stand-ins trained here: ``pretraining``, ``pictures``,
                                    ``sentences``
Figures of ours                     ``figures.FIGURES``
==================================  ================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
