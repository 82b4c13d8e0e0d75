"""Form ``sequences``: short greyscale sequences of patients, with label maps at some of their frames."""
