"""Stand-in ultrasound of heads, ventricles, hearts and hooks whose contours are known Fourier series.

A contour is a sum of seven orders: a template's, turned, stretched and bent, and random detail, most of it in
orders 4 to 7, so that how high orders are found has an effect. Speckle, shadows and walls that drop out are
those of the kit :mod:`mlmi2023.cohorts.sources.simulators.ultrasound`. The files:

======= ===========================================================================
options the simulator's parameters and their defaults
shapes  contours from Fourier coefficients: templates and random detail
scenes  which tissue lies where around the structures of each anatomy
cohort  all images, in parallel, and their files
======= ===========================================================================
"""
