"""Stand-in optical coherence tomography: B-scans of curved retinas with lesions that their place tells.

A patient has one retina and one set of lesions, of which several neighbouring B-scans are taken; they look
alike. Lesions lie under the pigment epithelium and touch it, or are pockets inside the retina. Distractors of
the same brightness, texture and outline lie elsewhere: nothing but their place relative to the pigment
epithelium tells them apart. Lengths are shares of the image's width, depths run downwards. The files:

======== ==========================================================================
options  the simulator's parameters and their defaults
retina   the surfaces between layers, and the level of each layer
lesions  irregular outlines of an exact area; where lesions and distractors may lie
scanner  shadows, speckle, logarithm
cohort   all B-scans, in parallel, and their files
======== ==========================================================================
"""
