"""From residuals to lesions (Sect. 3.2): erosion, median, threshold, components."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from mlmi2023.papers.mddpm.options import Anomalies

#: shares of voxels above the thresholds that are tried, from the largest to the smallest
MOST, LEAST = 0.5, 1e-4


def anomaly_map(residual: np.ndarray, brain: np.ndarray, task: Anomalies) -> np.ndarray:
    """Return the smoothed map, (S, H, W) float32.

    Args:
        residual: |z - x|, (S, H, W).
        brain: foreground, bool; the map is 0 outside of it, eroded.
        task: ``erosion`` and ``median``.
    """
    inner = brain
    if task.erosion:
        # what lies beyond the volume is no border of the brain
        inner = ndimage.binary_erosion(brain, iterations=task.erosion, border_value=1)
    kept = np.where(inner, residual, 0).astype(np.float32)
    return ndimage.median_filter(kept, size=task.median) if task.median > 1 else kept


def found(anomaly: np.ndarray, threshold: float, component: int) -> np.ndarray:
    """Return what lies above a threshold, without components of fewer voxels, bool."""
    above = anomaly > threshold
    if component < 2:
        return above
    parts, count = ndimage.label(above)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    return sizes[parts] >= component  # type: ignore[no-any-return]


def dice(some: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice of two masks; 1 if both are empty."""
    total = int(some.sum()) + int(truth.sum())
    return 2 * int((some & truth).sum()) / total if total else 1.0


def candidates(maps: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return thresholds to try, at quantiles of the maps' values above 0; rising, without repeats."""
    values = np.concatenate([anomaly[anomaly > 0].ravel() for anomaly in maps])
    if not values.size:
        return np.zeros(1)
    shares = np.geomspace(MOST, LEAST, count)
    return np.unique(np.quantile(values, 1 - shares))


def sweep(
    maps: Sequence[np.ndarray], truths: Sequence[np.ndarray], thresholds: np.ndarray, component: int
) -> np.ndarray:
    """Return the mean Dice over cases at each threshold."""
    return np.array(
        [
            np.mean(
                [dice(found(anomaly, float(t), component), truth) for anomaly, truth in zip(maps, truths)]
            )
            for t in thresholds
        ]
    )
