"""2D images of any size with structures that have outlines, each kept at its own resolution."""
