"""Means over cases of which some lack what is measured, and over classes that not every case has.

As in :mod:`mlmi2023.metrics.contributions`, each case gets what it adds to the mean over all cases, so that
means, paired differences and intervals over cases work for these means too.
"""

from collections.abc import Sequence

import numpy as np


def mean_contributions(values: np.ndarray) -> np.ndarray:
    """Return what each case adds to the mean over those that count, (N,).

    With a mean m over n of N cases, one that counts adds m + (v - m) N / n, any other m: their mean is m, and
    their spread that of m where it is by chance which cases count.

    Args:
        values: (N,); NaN where a case does not count.

    Raises:
        ValueError: none counts.
    """
    counted = np.isfinite(values)
    if not counted.any():
        raise ValueError("no case has a value, so that there is no mean")
    mean = values[counted].mean()
    return np.where(counted, mean + (values - mean) * len(values) / counted.sum(), mean)


def class_mean_contributions(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return what each case adds to the mean over classes of their means over cases, (N,).

    Args:
        values: of each class (N,), over the same cases; NaN where a case does not count.

    Raises:
        ValueError: no case of a class counts.
    """
    return np.mean([mean_contributions(own) for own in values], axis=0)
