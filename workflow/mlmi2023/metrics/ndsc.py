"""Normalised Dice (Raina et al. 2023; Eq. 5 of the Shifts 2.0 papers): Dice at a fixed share of lesion.

Plain Dice grows with how much lesion a patient has, at equal recall and false positive rate. Here false
positives are scaled to those of a patient in whom a share ``r`` of all voxels is lesion.
"""

import numpy as np


def normalised_dice(found: np.ndarray, truth: np.ndarray, share: float = 0.001) -> float:
    """Return 2 TP / (2 TP + k FP + FN) with k = (1 - r) P / (r (N - P)).

    Args:
        found: boolean mask, any shape.
        truth: boolean mask of the same shape; P of its N voxels are lesion.
        share: r.

    Returns:
        a number in [0, 1]. Without a lesion in truth: 1 if none is found, else 0.

    Raises:
        ValueError: the shapes differ, or all voxels are lesion.
    """
    if found.shape != truth.shape:
        raise ValueError(f"masks differ in shape: {found.shape}, {truth.shape}")
    found, truth = found.astype(bool), truth.astype(bool)
    lesion, voxels = int(truth.sum()), truth.size
    if lesion == 0:
        return float(not found.any())
    if lesion == voxels:
        raise ValueError("all voxels are lesion: there is no false positive rate to scale")
    scale = (1 - share) * lesion / (share * (voxels - lesion))
    hit = int((found & truth).sum())
    wrong, missed = int(found.sum()) - hit, lesion - hit
    return 2 * hit / (2 * hit + scale * wrong + missed)
