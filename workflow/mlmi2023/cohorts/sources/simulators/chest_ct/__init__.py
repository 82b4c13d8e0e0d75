"""Stand-in chest CT: a continuous phantom, scanned at any slice thickness and overlap by integrating it.

Each volume comes as a reference with cubic voxels and as scans of the same chest with thick, overlapping
slices. All are integrals of one finely sampled phantom with its noise, so that no scan is a resampled
reference. Axes are (z, y, x): to the head, to the front, to the left. The files, in the order of the work:

======== ======================================================================
options  the simulator's parameters and their defaults
vessels  branching trees of tapered tubes
phantom  body, lungs, bones, vessels, fissures, nodules, texture
scanner  noise, and the integration over pixels and slices
cohort   all volumes, in parallel, and their files
======== ======================================================================
"""
