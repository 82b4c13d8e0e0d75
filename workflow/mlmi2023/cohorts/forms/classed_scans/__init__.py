"""Form ``classed_scans``: several images of each patient on one grid, and a class."""
