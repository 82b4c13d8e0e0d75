"""Stand-in MRI of the prostate: zones, lesions and six kinds of image, each with a geometry of its own.

A patient has a gland with peripheral zone, transition zone and anterior stroma, a distal urethra that leaves
it at the apex, and what lies around: bladder, seminal vesicles, rectum, muscles, veins, fat. Cancer is
indolent, aggressive or both; mimics are dark on T2 alone. T2 is acquired in three planes with thick slices,
diffusion and contrast frames with coarse ones; the patient moves between scans, and no header says so.
Lengths are mm, axes RAS, intensities fractions of a bright tissue on T2, diffusion 10^-3 mm^2/s.

======== ==========================================================================
options  the simulator's parameters, their defaults and their check
tissues  what each tissue looks like in each kind of image
gland    zones of a patient and what lies around them, on a fine grid
lesions  cancer, and what looks like it
scanner  motion, slices, distortion, coil, noise
cohort   all patients, in parallel, and their files
======== ==========================================================================
"""
