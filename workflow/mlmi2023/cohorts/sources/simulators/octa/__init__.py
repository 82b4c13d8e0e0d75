"""Stand-in OCT angiograms of the macula: capillaries around a dark foveal avascular zone, at several sites.

Places are in units of half an image's width, the zone near (0, 0). Each site has a machine, and people with
small or large zones. The files:

======== =====================================================================
options  the simulator's parameters and their defaults
zone     the avascular zone: an irregular outline
vessels  arterioles and venules that run towards it, and the mesh of capillaries, which spares it
machine  what a machine makes of it: gain, blur, speckle, motion, shading
cohort   all images, in parallel, and their files
======== =====================================================================
"""
