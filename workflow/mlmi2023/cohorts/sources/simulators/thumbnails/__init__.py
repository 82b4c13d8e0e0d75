"""Stand-in thumbnails: images of 28 x 28 pixels, of single blood cells in RGB or of lungs in grey.

The class of an image follows from shapes: of the cell and its nucleus, or from whether an opacity lies in a
lung. Stain, light, exposure and noise are drawn without regard to it. The files:

======= ==================================================================
options the parameters, their defaults and their check
canvas  coordinates, soft discs and noise that both scenes use
cells   a cell of one of eight shapes among red blood cells
lungs   two lungs between ribs and heart, with or without opacities
cohort  all images, in parallel, and the archive that they become
======= ==================================================================
"""
