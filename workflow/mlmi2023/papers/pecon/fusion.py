"""Late fusion (Eq. 2), its weight chosen on validation exams."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlmi2023.metrics import contributions
from mlmi2023.tasks.classification import operating_point

LAMBDAS = tuple(step / 8 for step in range(9))


def fuse(ct: np.ndarray, ehr: np.ndarray, weight: float, prior: float) -> np.ndarray:
    """Return weight * ct + (1 - weight) * ehr, (N,); NaN marks a modality that is missing.

    An exam with one modality has that one's probability, whatever the weight; an exam with none has
    ``prior``.
    """
    both = weight * ct + (1 - weight) * ehr
    one = np.where(np.isfinite(ct), ct, ehr)
    fused = np.where(np.isfinite(both), both, one)
    return np.where(np.isfinite(fused), fused, prior)


@dataclass(frozen=True)
class Operating:
    """What was chosen on validation exams.

    Attributes:
        weight: lambda of Eq. 2, the weight of CT.
        sweep: F1 and AUROC on validation exams for each lambda that was tried: (lambda, threshold, F1,
            AUROC).
    """

    weight: float
    sweep: list[tuple[float, float, float, float]]


def choose(
    labels: np.ndarray, ct: np.ndarray, ehr: np.ndarray, prior: float, weights: Sequence[float] = LAMBDAS
) -> Operating:
    """Choose lambda by F1 at its own operating point, ties by AUROC.

    Args:
        labels: (N,) of the validation exams.
        ct: (N,) probabilities, NaN where missing.
        ehr: (N,) probabilities, NaN where missing.
        prior: share of positive training exams.
        weights: lambdas to try.

    Raises:
        InputError: the validation exams are all of one class.
    """
    sweep = []
    for weight in weights:
        scores = fuse(ct, ehr, weight, prior)
        threshold = operating_point(labels, scores)
        f1 = contributions.f1(labels, scores >= threshold).mean()
        sweep.append((float(weight), threshold, float(f1), float(contributions.auroc(labels, scores).mean())))
    best = max(sweep, key=lambda row: (row[2], row[3]))
    return Operating(best[0], sweep)
