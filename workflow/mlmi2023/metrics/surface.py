"""Distances between the surfaces that lie between voxels, weighted by area, as Learn2Reg measures them.

:func:`mlmi2023.metrics.segmentation.voxel_hd95`, of segmentation papers, is between the centres of voxels.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import ndimage


@lru_cache(maxsize=1)
def _surface_areas() -> np.ndarray:
    """Area of the surface inside a cell of 8 voxels, for each of its 256 fillings, in voxel^2.

    Marching cubes in the classical form. Where corners touch across a diagonal it depends on which
    side is called inside; as in the table that Learn2Reg's tool uses, the smaller area counts.
    """
    from skimage.measure import marching_cubes, mesh_surface_area

    areas = np.zeros(256)
    for code in range(1, 255):
        cell = ((code >> np.arange(8)) & 1).reshape(2, 2, 2).astype(np.float32)
        vertices, faces, _, _ = marching_cubes(cell, 0.5, method="lorensen")
        areas[code] = mesh_surface_area(vertices, faces)
    return np.minimum(areas, areas[::-1])


def _codes(mask: np.ndarray) -> np.ndarray:
    """Filling of the cell between every 2x2x2 voxels; (X, Y, Z) -> (X-1, Y-1, Z-1), uint8."""
    x, y, z = (n - 1 for n in mask.shape)
    code = np.zeros((x, y, z), np.uint8)
    for bit in range(8):
        i, j, k = bit >> 2, (bit >> 1) & 1, bit & 1
        code |= mask[i : i + x, j : j + y, k : k + z].astype(np.uint8) << bit
    return code


def _directed(source: np.ndarray, target: np.ndarray, share: float) -> float:
    """Distance within which ``share`` of the source's surface lies from the target's surface."""
    on_target = (target != 0) & (target != 255)
    on_source = (source != 0) & (source != 255)
    distance = ndimage.distance_transform_edt(~on_target)[on_source]
    area = _surface_areas()[source[on_source]]
    order = np.argsort(distance, kind="stable")
    cumulated = np.cumsum(area[order]) / area.sum()
    return float(distance[order][min(np.searchsorted(cumulated, share), len(order) - 1)])


def hausdorff(a: np.ndarray, b: np.ndarray, share: float = 0.95) -> float:
    """Robust Hausdorff distance of two masks in voxels, as Learn2Reg measures it.

    Surfaces lie between voxels. Each 2x2x2 cell that is neither empty nor full is one piece of
    surface, weighted by its area; the larger of the two directed area-weighted quantiles counts.

    Args:
        a: (X, Y, Z) boolean.
        b: (X, Y, Z) boolean.
        share: quantile; 0.95 for HD95, 1 for the classical distance.

    Returns:
        Distance in voxels; NaN if either mask is empty.
    """
    if not a.any() or not b.any():
        return float("nan")
    box = ndimage.find_objects((a | b).astype(np.uint8))[0]
    codes_a, codes_b = (_codes(np.pad(mask[box], 1)) for mask in (a, b))
    return max(_directed(codes_a, codes_b, share), _directed(codes_b, codes_a, share))


def hd95_per_label(a: np.ndarray, b: np.ndarray, labels: Sequence[int]) -> dict[int, float]:
    """95 % Hausdorff distance in voxels of every structure; NaN where either map lacks it.

    Args:
        a: (X, Y, Z) integer labels.
        b: (X, Y, Z) integer labels.
        labels: ids to score.

    Raises:
        ValueError: the maps differ in shape.
    """
    if a.shape != b.shape:
        raise ValueError(f"label maps differ in shape: {a.shape}, {b.shape}")
    result = {}
    for label in labels:
        mask_a, mask_b = a == label, b == label
        result[int(label)] = hausdorff(mask_a, mask_b)
    return result
