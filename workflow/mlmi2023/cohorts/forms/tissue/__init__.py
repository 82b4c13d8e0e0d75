"""Stained tissue: images of one size with nuclei, label maps, paired images and kinds of tissue."""
