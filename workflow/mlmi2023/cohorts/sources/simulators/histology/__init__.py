"""Stained tissue under the microscope: nuclei of five types in nine tissues, seven organs' styles, pan-CK.

========= ===============================================================================================
options   parameters, their defaults and their check
ground    noise, fibres, gland shapes: what lies between nuclei
layouts   the nine tissues: ground, and where which cells lie
organs    tiles of an organ, in which several tissues meet
places    which of the proposed places are taken, and what a nucleus there looks like
nuclei    nuclei and what mimics them, painted into the two stains; instances
hardness  pale nuclei, blue ground, uneven sections: what keeps a threshold from finding nuclei
optics    stains and scanner: absorption to RGB; and the fluorescence of pan-cytokeratin
cohort    all patients of a cohort, and their files
========= ===============================================================================================

All lengths are micrometres until the last moment: ``options.pixel`` says how many make a pixel, so that the
same tissue can be drawn in tiles of 1000 and in patches of 64 pixels. Absorption follows Beer and Lambert:
each stain has an optical density, and colours add up there.
"""
