"""Stand-in GABA-edited spectroscopy: MEGA-PRESS transients at several sites, with what scanners add.

Metabolites come from the density matrix of their spin systems (:mod:`mlmi2023.physics.mega_press`),
macromolecules are broad Gaussians. Scanners add what transients have to be corrected for before they are
averaged. The truth of each scan, its OFF and ON without noise, lies beside it. The files:

======= =====================================================================
options the simulator's parameters and their defaults
brain   noise-free OFF and ON of one brain, and idealised pairs for pretraining
scanner sites; drift, jitter, phases, water, lipids, eddy currents, noise
cohort  all scans, in parallel, and their files
======= =====================================================================
"""
