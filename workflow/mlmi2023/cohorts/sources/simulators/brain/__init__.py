"""Stand-in brains: heads made from the MNI152 template, with the truth about each of them.

A subject is the template seen through a random diffeomorphism and pose, with tissue intensities, bias field
and noise of its own. The files, in the order of the work:

========== ====================================================================================
template   MNI152 tissue maps and head, read from installed packages
labels     the labelled structures of the template
maps       what all subjects share, derived once: tissues, texture, landmarks, label map
options    the simulator's parameters and their defaults
subject    one subject before it is imaged; its random draws
layers     changes to a subject: ageing, site; the place for pathology
infancy    a layer: the first year of life
warps      velocity fields, pose, the total map native -> template and back
contrast   intensities of tissues and structures per modality
acquire    voxel grid, bias field, noise: from a subject to images
write      the BIDS files
cohort     all subjects, in parallel
========== ====================================================================================
"""
