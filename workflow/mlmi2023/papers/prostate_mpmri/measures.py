"""Overlap and distances of a found and a true gland (Sect. 3.4)."""

from collections.abc import Sequence

import numpy as np

from mlmi2023.metrics.segmentation import assd, count, rates, voxel_hd95


def gland_scores(found: np.ndarray, truth: np.ndarray, spacing: Sequence[float]) -> dict[str, float]:
    """Return DSC, HD and ASSD in mm, and RAVD of a case; distances are NaN where nothing is found.

    HD is the largest distance between surfaces, ASSD the mean distance over the voxels of both, RAVD the
    difference of volumes as a share of the true one.

    Args:
        found: (X, Y, Z) boolean.
        truth: the same; not empty.
        spacing: mm.
    """
    dsc = rates(count(found.astype(np.uint8), truth.astype(np.uint8)))["dice"]
    ravd = abs(float(found.sum()) - float(truth.sum())) / float(truth.sum()) if truth.any() else float("nan")
    return {
        "dsc": dsc,
        "hd": voxel_hd95(found, truth, spacing, share=1.0),
        "assd": assd(found, truth, spacing),
        "ravd": ravd,
    }
