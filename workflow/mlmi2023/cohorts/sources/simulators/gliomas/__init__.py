"""Stand-in scans of heads with a glioma: FLAIR, T1, T1 after contrast agent and T2, and the tumour's parts.

Heads are those of :mod:`mlmi2023.cohorts.sources.simulators.brain`, with one more layer that grows a tumour.
Each contrast shows a part of it: the rim is bright after contrast agent alone, oedema on FLAIR, and on T2
beside fluid that is brighter still; T1 shows little. Images come as BraTS distributes them: stripped, on
common voxels. Two traits of a tumour tell, weakly, whether its MGMT promoter is methylated. The files, in the
order of the work:

=========== ======================================================================================
options     the simulator's parameters and their defaults
methylation the two traits, how they are drawn, and what an ideal observer would make of them
growth      the layer: core, enhancing rim, oedema, uneven texture, mass effect
cohort      all patients, in parallel, and their files
=========== ======================================================================================
"""
