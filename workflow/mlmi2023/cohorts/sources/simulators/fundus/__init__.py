"""Stand-in fundus photographs: eyes with known anatomy and lesions, through the cameras of several domains.

Places are in units of the radius of a 45 degree field, with the fovea near (0, 0), x to the right and y down.
Microaneurysms, haemorrhages, exudates, cotton wool spots and new vessels set the grade of diabetic
retinopathy, 0 to 4, by their counts alone, so that grades are exact. A domain is a camera and a mix of grades
and of cup-to-disc ratios. The files:

======== =====================================================================
options  the simulator's parameters and their defaults
eye      an eye: disc, cup, fovea, tone; and its colours without lesions
vessels  arcades and branches, which cross the disc's edge
lesions  counts by grade, shapes, colours, and the map
camera   what a camera makes of it: field, light, colour, blur, compression
cohort   all images, in parallel, and their files
======== =====================================================================
"""
