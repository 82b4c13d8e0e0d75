"""Stand-in FLAIR scans with white-matter lesions of multiple sclerosis, from several centres.

Heads are those of :mod:`mlmi2023.cohorts.sources.simulators.brain`, with one more layer that grows lesions.
Each centre has a contrast, resolution and noise of its own, and a split takes its patients from the centres
that name it, so that some splits are from centres that training never saw. Images come as Shifts distributes
them: skull-stripped, without bias field, on cubic voxels. The files, in the order of the work:

======= ==========================================================================
options the simulator's parameters and their defaults
lesions the layer: where lesions lie, how large and how bright they are
cohort  all patients, in parallel, and their files
======= ==========================================================================
"""
