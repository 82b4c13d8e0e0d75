"""What is measured on a registered pair (Sect. 3, Measurement)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.joined.parts import structures
from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.fields.jacobian import jacobian_determinant
from mlmi2023.metrics.landmarks import distances_mm, tre_mm
from mlmi2023.metrics.overlap import dice_per_label, mean_over_labels
from mlmi2023.metrics.registration_errors import summarise
from mlmi2023.papers.nio_reg.cases import Case

METRICS = ("dsc", "dsc30", "std_jac", "tre", "within", "t_test")
WORST = 0.3


def overlap(case: Case, u: np.ndarray | None, packed: Packed) -> dict[int, float]:
    """Return the Dice coefficient of every structure; NaN where neither map has it.

    Args:
        case: the pair.
        u: (3, X, Y, Z) float32 in voxels; None for the ceiling, whose warped labels are the fixed ones.
        packed: the cohort, with labels.
    """
    assert packed.labels is not None
    target = np.asarray(packed.labels[case.fixed])
    warped = target
    if u is not None:
        source = torch.from_numpy(np.array(packed.labels[case.moving]))[None, None]
        warped = warp(source, torch.from_numpy(u)[None], mode="nearest")[0, 0].numpy()
    return dice_per_label(warped, target, list(structures(packed, case.fixed)))


def landmark_errors(case: Case, u: np.ndarray | None, packed: Packed) -> np.ndarray:
    """Return the target registration error of each landmark that both images have, in mm, (K,)."""
    assert packed.landmarks is not None
    start, goal = (np.asarray(packed.landmarks[row], float) for row in (case.fixed, case.moving))
    known = np.isfinite(start).all(1) & np.isfinite(goal).all(1)
    start, goal = start[known], goal[known]
    if u is None:
        return distances_mm(goal, goal, packed.spacing)
    return tre_mm(u, start, goal, packed.spacing)


def quality(case: Case, u: np.ndarray, packed: Packed) -> float:
    """Return what chooses weights and rates on validation pairs: mean Dice or, for chests, minus the mean
    TRE.

    Raises:
        InputError: the cohort lacks what is needed.
    """
    if case.label and packed.landmarks is not None:
        return -float(landmark_errors(case, u, packed).mean())
    if case.label or packed.labels is None:
        raise InputError(
            f"cohort '{packed.name}' has no {'landmarks' if case.label else 'labels'}, so nothing can be "
            "validated; give it some, or no validation subjects"
        )
    return mean_over_labels(overlap(case, u, packed))


def measure(
    case: Case, u: np.ndarray | None, packed: Packed, task: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, float]]:
    """Yield (case, label, metric, value) of one pair.

    Overlap is given per structure and as label ``mean``. Where cases have a label (chests) the error of
    each landmark is a case of its own under that label, as in a table by case, and the pair's mean stands
    under ``mean``.

    Args:
        case: the pair.
        u: (3, X, Y, Z) float32 displacement in voxels; None for the ceiling, which has no field to judge.
        packed: the cohort.
        task: ``metrics``, and ``near``: the distance in mm of ``within``.
    """
    wanted = task["metrics"]
    if packed.labels is not None and "dsc" in wanted:
        values = overlap(case, u, packed)
        names = structures(packed, case.fixed)
        yield case.name, "mean", "dsc", mean_over_labels(values)
        yield from ((case.name, names[label], "dsc", value) for label, value in values.items())
    if u is not None and "std_jac" in wanted:
        yield case.name, "", "std_jac", float(jacobian_determinant(u).double().std(unbiased=False))
    if packed.landmarks is not None and "tre" in wanted:
        errors = landmark_errors(case, u, packed)
        found = summarise(errors, float(task.get("near", 0)))
        yield case.name, "mean", "tre", found.mean
        if case.label:
            yield from ((f"{case.name}-{k:03d}", case.label, "tre", float(e)) for k, e in enumerate(errors))
        if "within" in wanted:
            yield case.name, "mean", "within", 100 * found.below


def worst_mean(values: Sequence[float]) -> float:
    """Return the mean of the lowest 30 % of the cases, at least one (DSC30)."""
    count = max(1, round(WORST * len(values)))
    return float(np.mean(sorted(values)[:count]))
