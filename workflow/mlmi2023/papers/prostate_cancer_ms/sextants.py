"""Six parts of the gland: left and right, each in three heights (Sect. 2.4)."""

import numpy as np


def sextants(gland: np.ndarray) -> list[np.ndarray]:
    """Return boolean masks like ``gland`` (slices, rows, columns) of its six parts, apex first.

    Halves meet in the middle between the gland's outermost columns; thirds have as many slices as can be.
    Parts without a voxel are left out.
    """
    slices, columns = np.flatnonzero(gland.any((1, 2))), np.flatnonzero(gland.any((0, 1)))
    middle = (int(columns[0]) + int(columns[-1]) + 1) / 2
    found = []
    for third in np.array_split(slices, 3):
        for half in (np.arange(gland.shape[2]) < middle, np.arange(gland.shape[2]) >= middle):
            part = np.zeros_like(gland)
            part[third] = gland[third] & half
            if part.any():
                found.append(part)
    return found
