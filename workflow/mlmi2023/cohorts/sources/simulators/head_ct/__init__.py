"""Stand-in head CT: five kinds of bleed that differ by their place, look-alikes, and scans without any bleed.

A head is skull, subarachnoid space with sulci and cisterns, cortex, white matter, ventricles, falx and venous
sinuses on a fine grid. Bleeds have the same attenuation whatever their class: only where they lie and how
they are shaped tells an epidural lens from a subdural crescent, or blood in a ventricle from blood beside it.
What looks like blood and is none (calcified choroid and falx, bright sinuses, bone that reaches into a slice)
is frequent in scans without bleed. Thick slices average over what they cut. Lengths are mm, intensities
Hounsfield units, axes RAS with the origin in the head's middle. The files, in the order of the work:

======== ==========================================================================
options  the simulator's parameters, their defaults and their check
fields   smooth random fields, and distances along the skull
anatomy  the head of one patient
bleeds   the five kinds, by anatomy
mimics   what looks like blood
scanner  cupping, blur, slices that average, noise; labels by majority
cohort   all patients, in parallel, and their files
======== ==========================================================================
"""
