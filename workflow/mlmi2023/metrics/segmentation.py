"""How well a segmentation fits: rates of pixels, per case or pooled, and distances between surfaces.

Conventions where something is absent, since papers differ here:

- a rate whose denominator is zero is NaN: Dice and IoU if the structure is in neither mask (0 if in one
  only), sensitivity if it is not in the truth, specificity if the truth is all structure, precision if
  nothing is found;
- a distance is NaN if either mask is empty, unless ``missing`` says what to count.

Pooled rates add the pixels of all cases up before dividing, so that large structures count more; means over
cases do not. The two can differ by several points and must not be mixed in a table without saying so.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

RATES = ("dice", "iou", "sensitivity", "specificity", "accuracy", "precision")


class Counts(NamedTuple):
    """Pixels that are rightly found, wrongly found, missed, and rightly left out."""

    tp: int
    fp: int
    fn: int
    tn: int


def count(found: np.ndarray, truth: np.ndarray, label: int = 1) -> Counts:
    """Count the pixels of one structure.

    Args:
        found: labels of any shape.
        truth: labels, same shape.
        label: the structure's value.

    Raises:
        ValueError: the shapes differ.
    """
    if found.shape != truth.shape:
        raise ValueError(f"masks differ in shape: {found.shape}, {truth.shape}")
    a, b = found == label, truth == label
    tp, in_found, in_truth = (int(np.count_nonzero(m)) for m in (a & b, a, b))
    fp, fn = in_found - tp, in_truth - tp
    return Counts(tp, fp, fn, a.size - tp - fp - fn)


def _ratio(name: str, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numerator and denominator of a rate for counts (..., 4)."""
    tp, fp, fn, tn = (c[..., k].astype(float) for k in range(4))
    return {
        "dice": (2 * tp, 2 * tp + fp + fn),
        "iou": (tp, tp + fp + fn),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "precision": (tp, tp + fp),
    }[name]


def rates(counts: Counts) -> dict[str, float]:
    """Return all of :data:`RATES` for one case; NaN where the denominator is zero."""
    found = {}
    for name in RATES:
        above, below = _ratio(name, np.array(counts))
        found[name] = float(above / below) if below else float("nan")
    return found


def pooled(counts: Iterable[Counts]) -> dict[str, float]:
    """Return all of :data:`RATES` with the pixels of all cases added up first."""
    return rates(Counts(*(int(n) for n in np.sum(np.array(list(counts)).reshape(-1, 4), axis=0))))


def pooled_contributions(counts: Iterable[Counts]) -> dict[str, np.ndarray]:
    """Return numbers (N,) per case whose mean is the pooled rate and whose spread is that of it.

    With a rate R = sum(a) / sum(b), a case adds R + (a_i - R b_i) / mean(b): the delta method. NaN throughout
    where R is not defined. See :mod:`mlmi2023.metrics.contributions`.
    """
    table = np.array(list(counts)).reshape(-1, 4)
    found = {}
    for name in RATES:
        above, below = _ratio(name, table)
        if not below.sum():
            found[name] = np.full(len(table), np.nan)
            continue
        score = above.sum() / below.sum()
        found[name] = score + (above - score * below) / below.mean()
    return found


def surface_distances(
    a: np.ndarray, b: np.ndarray, spacing: Sequence[float] | float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of each surface pixel of ``a`` from ``b``'s surface, and the reverse.

    A surface pixel belongs to the mask and has a neighbour across a face that does not; outside the image
    nothing does.

    Args:
        a: boolean, 2D or 3D, not empty.
        b: the same.
        spacing: of pixels, one number or one per axis; distances come in its unit.
    """
    box = ndimage.find_objects((a | b).astype(np.uint8))[0]
    edges = []
    for mask in (a, b):
        whole = np.pad(mask[box], 1)
        edges.append(whole & ~ndimage.binary_erosion(whole))
    sampling = np.broadcast_to(np.asarray(spacing, float), a.ndim)
    to_b, to_a = (ndimage.distance_transform_edt(~edge, sampling=sampling) for edge in edges[::-1])
    return to_b[edges[0]], to_a[edges[1]]


def voxel_hd95(
    a: np.ndarray,
    b: np.ndarray,
    spacing: Sequence[float] | float = 1.0,
    *,
    share: float = 0.95,
    together: bool = False,
    missing: float = float("nan"),
) -> float:
    """Return the 95 % Hausdorff distance of two masks, between the centres of their surface pixels.

    Every surface pixel counts alike. :func:`mlmi2023.metrics.surface.hd95_per_label`, of registration papers,
    puts the surface between pixels and weighs it by area.

    Args:
        a: boolean, 2D or 3D.
        b: the same.
        spacing: of pixels.
        share: the quantile; 1 is the classical distance.
        together: False: the larger of both directions' quantiles (MONAI, the usual definition); True: the
            quantile of both directions' distances together (medpy, which code for Synapse uses).
        missing: what is returned if either mask is empty.
    """
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    if not a.any() or not b.any():
        return missing
    there, back = surface_distances(a, b, spacing)
    if together:
        return float(np.quantile(np.concatenate([there, back]), share))
    return float(max(np.quantile(there, share), np.quantile(back, share)))


def assd(
    a: np.ndarray,
    b: np.ndarray,
    spacing: Sequence[float] | float = 1.0,
    *,
    missing: float = float("nan"),
) -> float:
    """Return the average symmetric surface distance: the mean over all surface pixels of both masks.

    Args:
        a: boolean, 2D or 3D.
        b: the same.
        spacing: of pixels.
        missing: what is returned if either mask is empty.
    """
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    if not a.any() or not b.any():
        return missing
    return float(np.concatenate(surface_distances(a, b, spacing)).mean())
