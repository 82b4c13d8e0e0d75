"""How images are acquired: k-space, slice profiles."""
