"""Overlap of label maps."""

from collections.abc import Sequence

import numpy as np


def dice_per_label(a: np.ndarray, b: np.ndarray, labels: Sequence[int]) -> dict[int, float]:
    """Dice coefficient ``2 |A and B| / (|A| + |B|)`` of every structure, in one pass.

    Args:
        a: non-negative integer labels, any shape.
        b: non-negative integer labels, same shape.
        labels: ids to score.

    Returns:
        Dice by id, in [0, 1]. Empty in both: NaN, to be left out of means; in one only: 0.

    Raises:
        ValueError: the maps differ in shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"label maps differ in shape: {a.shape}, {b.shape}")
    a, b = np.ravel(a), np.ravel(b)
    size = 1 + max(int(a.max(initial=0)), int(b.max(initial=0)), *map(int, labels), 0)
    volume = np.bincount(a, minlength=size) + np.bincount(b, minlength=size)
    shared = np.bincount(a[a == b], minlength=size)
    return {
        int(label): float(2 * shared[label] / volume[label]) if volume[label] else float("nan")
        for label in labels
    }


def mean_over_labels(values: dict[int, float]) -> float:
    """Mean over structures without NaN; NaN when nothing is left."""
    kept = [v for v in values.values() if not np.isnan(v)]
    return float(np.mean(kept)) if kept else float("nan")
