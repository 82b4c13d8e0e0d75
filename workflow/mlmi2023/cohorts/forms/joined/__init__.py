"""Form ``joined``: cohorts on one grid, to learn on one and test on another."""
