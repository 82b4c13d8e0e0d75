"""Stand-in transrectal ultrasound of the prostate: several frames of each patient, with the gland's mask.

The probe lies in the rectum, at the top of the image; the bladder, where it is seen, lies behind the gland.
Speckle, shadows and walls that drop out are those of :mod:`mlmi2023.cohorts.sources.simulators.ultrasound`.

======= ==================================================================================
options the simulator's parameters and their defaults
gland   the shape of a patient's gland, and of its frames from apex to base
scene   which tissue lies where: zones, capsule, cysts, bladder, vessels, rectal wall
cohort  all images, in parallel, and their files
======= ==================================================================================
"""
