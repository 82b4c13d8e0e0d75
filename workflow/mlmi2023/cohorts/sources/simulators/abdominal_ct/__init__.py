"""Stand-in abdominal CT: the thirteen organs of BTCV in a body, scanned with slices of many thicknesses.

Each patient has anatomy, contrast phase and scanner settings of its own. Organs are solids whose insides
are known exactly: a voxel's label is the organ at its centre. Long vertical tubes (aorta, vena cava,
oesophagus) have short unlabelled likenesses beside them (bowel loops, nodes), which neighbouring slices
alone tell apart. Lengths are mm, intensities Hounsfield units, axes RAS. The files, in the order of the work:

======== ==========================================================================
organs   names and numbers of BTCV's labels, mean attenuation in each phase
options  the simulator's parameters and their defaults
shapes   solids: ellipsoids, tubes, unions of them
anatomy  the solids of one patient, and how they are bent
phantom  the body on a fine grid: labels and attenuation
scanner  blur, slices, noise
cohort   all patients, in parallel, and their files
======== ==========================================================================
"""
