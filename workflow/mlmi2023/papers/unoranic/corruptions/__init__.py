"""Corruptions of images of 8 bits: twelve that training draws from, and twelve that no training has seen.

========= ====================================================================================
training  the chain of Sect. 2.2, batch by batch on the device, from numbers that a sample brings
light     what changes each pixel by itself
filters   what mixes a pixel with its neighbours
unseen    the suite of Sect. 3.5 at five severities, on arrays, always the same
weather   fog, snow and spatter of that suite
========= ====================================================================================
"""
