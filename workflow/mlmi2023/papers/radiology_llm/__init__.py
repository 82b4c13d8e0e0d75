"""LoRA instruction tuning of a language model for radiology (Liu et al., MLMI 2023): paper to code.

A language model that follows instructions learns, by low-rank updates, to write a report's impression from
its findings. It is compared with general models that have not seen the domain.

==================================  ==================================================================
In the paper                        Here
==================================  ==================================================================
Sect. 2.1, pairs, exclusions        ``mlmi2023.cohorts.forms.reports``
Sect. 2.1, OpenI as external test   dataset ``openi``, whose networks are those of ``mimic_cxr``
Sect. 2.2, Alpaca-7B                ``model.LanguageModel``; ``published`` reads a local folder
Sect. 2.2, LoRA r, alpha, q and v   ``model.with_lora`` (peft)
Sect. 2.2, batch, rate              ``train.plan``, ``module.Tuning``
Sect. 2.3, instruction and prompt   ``prompts``; loss: ``losses.next_token_loss``, batches: ``packing``
Sect. 3, answers                    ``answers``; ChatGPT's place: ``verbose``, or a file of answers
Sect. 3, five metrics, Fig. 2       ``raters``: simulated raters, on facts read by rules: ``facts``
Figs. 1 to 4                        ``figures.FIGURES``
Stand-ins for general language      ``general``, ``words``
Beyond the paper                    facts, ROUGE-L, lengths, leaks (``leaks``), costs (``evaluate``)
==================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
