"""Stand-in 4D CT of breathing lungs: phases of one patient with a known map between them, and landmarks.

Every phase is painted by pulling its voxels back to the patient's anatomy at full exhale with a map in closed
form, so that correspondence is known everywhere and not estimated. Lungs slide along the chest wall, the
diaphragm moves by centimetres, air lowers the density of what stretches, and the way in differs from the way
out. Axes are (x, y, z) in mm about the middle of the field of view: to the right, to the front, to the head.
The files, in the order of the work:

========== ====================================================================
options    the simulator's parameters and their defaults
geometry   shape of lungs, diaphragm and heart of one patient
motion     the map from any phase to full exhale, and its inverse at points
texture    vessels, fissures and lobules of the lungs; ribs, spine and fat
scanner    one phase as a CT scan, with its map of lobes
landmarks  branching points of vessels at full inhale and full exhale
cohort     all patients, in parallel, and their files
========== ====================================================================
"""
