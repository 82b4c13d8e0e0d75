"""Paired t-tests between methods over tested images (Table 1), and the scores that they compare."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.metrics.segmentation import assd
from mlmi2023.papers.boundary_rl.cases import Glands
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice of masks (H, W); 1 where both are empty."""
    value = dice_per_label(found, truth, [1])[1]
    return 1.0 if np.isnan(value) else value


def boundary_distance(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean distance between two outlines, pixels; NaN where a mask (H, W) is empty."""
    if not found.any() or not truth.any():
        return float("nan")
    return assd(found > 0, truth > 0)


def paired_t(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the magnitude of t and the two-sided p of a paired test; NaN where all differences are equal.

    Args:
        one: (n,) values of a method, by image.
        other: of another method, for the same images.
    """
    from scipy.stats import ttest_rel

    if len(one) < 2 or np.ptp(one - other) == 0:
        return float("nan"), float("nan")
    found = ttest_rel(one, other)
    return abs(float(found.statistic)), float(found.pvalue)


def by_image(folder: Path, cases: Glands) -> np.ndarray:
    """Return the Dice of each tested image."""
    return np.array([dice(pair.found, pair.truth) for pair in segmentation.pairs(folder, cases)])


def compare(job: Job, cases: Glands) -> Iterator[Value]:
    """Yield t and p of each pair of methods.

    Raises:
        InputError: a method does not stand under ``uses``.
    """
    found: dict[str, np.ndarray] = {}
    for pair, methods in job.method_options["pairs"].items():
        for method in methods:
            if method not in job.used:
                raise InputError(
                    f"config key methods.{job.method}: '{method}' is missing under 'uses'; add it there"
                )
            if method not in found:
                found[method] = by_image(job.used[method].predictions, cases)
        t, p = paired_t(found[methods[0]], found[methods[1]])
        yield Value("t", t, setting=pair)
        yield Value("p", p, setting=pair)
