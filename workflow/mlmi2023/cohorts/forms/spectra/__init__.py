"""Form ``spectra``: single transients of MR spectroscopy, edited or not, on one axis in ppm."""
