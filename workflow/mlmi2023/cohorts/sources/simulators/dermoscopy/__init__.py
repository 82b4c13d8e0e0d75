"""Stand-in dermoscopy: pigmented lesions on skin, with what gets in the way of seeing their border.

A lesion is an ellipse with an irregular, star-shaped border. Along an arc of some lesions the pigment fades
out before the border and the irregularity with it: there the image tells nothing, and the border is that of
the ellipse which the rest of the lesion shows. Small spots of the same colours lie beside the lesion and are
no part of it. So a network has to see the whole. Lengths are shares of the image's width. The files:

========= ====================================================================
options   the simulator's parameters and their defaults
lesion    shape, fading arc, colours, and the true mask
skin      tone, light, texture, spots
artefacts hairs, ruler, bubbles, dark corners
cohort    all images, in parallel, and their files
========= ====================================================================
"""
