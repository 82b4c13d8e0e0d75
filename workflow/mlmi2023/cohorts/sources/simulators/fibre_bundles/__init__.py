"""Stand-in optical coherence microscopy: bundles of fibres in grey matter, and what is as bright and is none.

Bundles are long curved bands of fine fibres; cells and the edges of vessels take their brightness from the
same range and differ in shape and surroundings alone. Light falls off over the image, and speckle lies over
all. So a threshold finds bundles and clutter alike. The label is the bundles. Lengths are shares of the
image's width. The files:

======== =====================================================================
options  the simulator's parameters and their defaults
bundles  bands, the fibres in them, and the true mask
clutter  cells and the edges of vessels
tissue   grey matter, light, speckle
cohort   all images, in parallel, and their files
======== =====================================================================
"""
