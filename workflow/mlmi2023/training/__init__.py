"""Training: the loop, and the data that it is fed with."""
