"""What is checked when the workflow loads, before anything is planned: one line for the first mistake.

========= =============================================================================================
paper     a paper's methods, tasks and training against the models of its ``options.py``
declared  what a paper reports against the methods, datasets and figures of its config
cohort    how a cohort is read, preprocessed and simulated against the models of who does it
checks    all of these for a paper; what the engine calls
remarks   no mistakes, but what a user should know
========= =============================================================================================

The papers that the config names are checked, others when they are asked for. It takes no import of more than
the standard library, YAML and the compiled schemas.
"""
