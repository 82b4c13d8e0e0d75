"""F1 of several classes, each case's part in it."""

import numpy as np

from mlmi2023.metrics.contributions import f1


def macro_f1(labels: np.ndarray, decisions: np.ndarray, classes: int) -> np.ndarray:
    """Return the contributions to the mean of the classes' F1, (N,); see :mod:`.contributions`.

    The classes are always the same ones: one that is neither there nor found counts as 0, for every method.

    Args:
        labels: (N,) 0 to ``classes`` - 1.
        decisions: (N,) likewise.
        classes: how many.
    """
    labels, decisions = np.asarray(labels), np.asarray(decisions)
    return np.mean([f1(labels == c, decisions == c) for c in range(classes)], axis=0)
