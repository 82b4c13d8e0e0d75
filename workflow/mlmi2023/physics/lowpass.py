"""Low-pass filtering and decimation as an exact linear operator along one axis."""

import numpy as np
from scipy.signal import firwin

from mlmi2023.core.errors import InputError
from mlmi2023.physics.slice_profile import SliceOperator


def lowpass(count: int, places: np.ndarray, factor: float, taps: int) -> SliceOperator:
    """Return the operator that keeps what ``factor`` times fewer samples can hold, read at ``places``.

    The filter is a windowed sinc (Hamming) whose cut-off is the Nyquist frequency after decimation. It is
    symmetric, so that nothing is shifted; beyond both ends the outer samples hold on.

    Args:
        count: samples.
        places: numbers of the samples in whose place slices lie, (K,) whole numbers.
        factor: of the decimation, above 1.
        taps: length of the filter, odd.

    Raises:
        InputError: the length is even.
    """
    if taps % 2 == 0:
        raise InputError(f"a filter of {taps} taps has no middle; give an odd number")
    weights = firwin(taps, 1 / factor)
    matrix = np.zeros((len(places), count))
    for row, place in enumerate(np.asarray(places, int)):
        reach = np.clip(place + np.arange(taps) - taps // 2, 0, count - 1)
        np.add.at(matrix[row], reach, weights)
    return SliceOperator(matrix)
