"""Overlap of label maps."""

from collections.abc import Sequence

import numpy as np


def dice_per_label(a: np.ndarray, b: np.ndarray, labels: Sequence[int]) -> dict[int, float]:
    """Dice coefficient ``2 |A and B| / (|A| + |B|)`` of every structure, in one pass.

    Args:
        a: integer labels, any shape.
        b: integer labels, same shape.
        labels: ids to score.

    Returns:
        Dice by id, in [0, 1]. Empty in both: NaN, to be left out of means; in one only: 0.

    Raises:
        ValueError: the maps differ in shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"label maps differ in shape: {a.shape}, {b.shape}")
    labels = [int(label) for label in labels]
    lookup, of_a = np.unique(a, return_inverse=True)
    lookup_b, of_b = np.unique(b, return_inverse=True)
    in_a = dict(zip(lookup.tolist(), np.bincount(of_a.ravel())))
    in_b = dict(zip(lookup_b.tolist(), np.bincount(of_b.ravel())))
    same = of_a.ravel()[a.ravel() == b.ravel()]
    both = dict(zip(lookup.tolist(), np.bincount(same, minlength=len(lookup))))
    result = {}
    for label in labels:
        volume = in_a.get(label, 0) + in_b.get(label, 0)
        result[label] = float(2 * both.get(label, 0) / volume) if volume else float("nan")
    return result


def mean_over_labels(values: dict[int, float]) -> float:
    """Mean over structures without NaN; NaN when nothing is left."""
    kept = [v for v in values.values() if not np.isnan(v)]
    return float(np.mean(kept)) if kept else float("nan")
