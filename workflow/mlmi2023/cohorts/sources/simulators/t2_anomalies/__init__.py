"""Stand-in T2 scans of healthy heads, of heads with a tumour, and of heads with many small lesions.

Heads are those of :mod:`mlmi2023.cohorts.sources.simulators.brain`, with layers of disease on top. A cohort
is one scanner's: contrast, noise and slice thickness are its own. Images come as they are after skull
stripping, bias correction and alignment; labels say what is lesion and what other brain. On T2, fluid in the
ventricles is brighter than any lesion. The files, in the order of the work:

======= ==========================================================================
options the simulator's parameters and their defaults
tumours the layer: a tumour that pushes the brain aside, with oedema and a core
cohort  all subjects, in parallel, and their files
======= ==========================================================================

Small lesions are those of :mod:`mlmi2023.cohorts.sources.simulators.flair_lesions`, at the brightness of T2.
"""
