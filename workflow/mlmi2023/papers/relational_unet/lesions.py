"""Lesions are cut out of a probability at a threshold that the validation split chooses."""

import numpy as np
from scipy import ndimage

from mlmi2023.metrics.ndsc import normalised_dice
from mlmi2023.tasks.segmentation import Volumes

#: thresholds that are tried on the validation split
THRESHOLDS = np.round(np.arange(0.05, 1.0, 0.05), 2)


def lesions(probability: np.ndarray, brain: np.ndarray, threshold: float, least: int) -> np.ndarray:
    """Return the mask of lesions: above a threshold, inside the brain, in pieces of at least ``least``
    voxels.

    Args:
        probability: (X, Y, Z).
        brain: boolean mask of the same shape.
        threshold: a voxel counts from here on.
        least: smallest piece; voxels that share a face are in one piece.
    """
    mask = (probability >= threshold) & brain
    pieces, _ = ndimage.label(mask)
    return mask & (np.bincount(pieces.ravel()) >= least)[pieces]


def cut(scans: Volumes, row: int, chance: np.ndarray, threshold: float) -> np.ndarray:
    """Return the mask of a scan's lesions; the task's key ``least`` is the smallest piece."""
    brain = np.asarray(scans.cohort.image(row)) != 0
    return lesions(chance, brain, threshold, int(scans.job.task["least"]))


def sweep(scans: Volumes, chances: dict[int, np.ndarray]) -> dict[str, float]:
    """Return the mean nDSC of the validation split at each threshold, from chances (X, Y, Z) by scan."""
    share = float(scans.job.task["share"])
    return {
        f"{threshold:g}": float(
            np.mean(
                [
                    normalised_dice(cut(scans, row, chances[row], threshold), scans.truth(row) > 0, share)
                    for row in scans.rows("val")
                ]
            )
        )
        for threshold in THRESHOLDS
    }


def best(sweep: dict[str, float]) -> str:
    """Return the threshold with the highest nDSC; of several the one closest to one half."""
    return max(sweep, key=lambda threshold: (sweep[threshold], -abs(float(threshold) - 0.5)))
