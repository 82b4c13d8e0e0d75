"""What is measured on one registered pair (Sect. 3, Evaluation Metrics)."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.metrics.landmarks import distances_mm, tre_mm
from mlmi2023.metrics.overlap import dice_per_label, mean_over_labels
from mlmi2023.papers.implicit_reg.smoothness import mean_negative_jacobian, std_log_jacobian

PAIR_METRICS = ("dice", "std_logj", "neg_j", "tre")
METRICS = (*PAIR_METRICS, "t_iter", "weights")


def structures(packed: Packed, task: Mapping[str, Any]) -> dict[int, str]:
    """Return the scored structures, ``task.labels`` (``all`` or a list of ids); equal names get their number.

    Raises:
        InputError: the cohort lacks one.
    """
    names = {label: name for label, name in sorted(packed.label_names.items()) if label != 0}
    wanted = task.get("labels", "all")
    if wanted != "all":
        if missing := [label for label in wanted if label not in names]:
            raise InputError(
                f"config key task.labels names {missing[0]}, which cohort '{packed.name}' lacks; "
                f"it has {sorted(names)}"
            )
        names = {label: names[label] for label in wanted}
    count = list(names.values())
    return {k: v if count.count(v) == 1 else f"{v} ({k})" for k, v in names.items()}


def measure(
    pair: tuple[int, int], u: np.ndarray | None, packed: Packed, task: Mapping[str, Any]
) -> Iterator[tuple[str, str, float]]:
    """Yield (metric, label, value) of one pair; what cannot be computed is left out or NaN.

    Args:
        pair: rows of the moving and the fixed image.
        u: (3, X, Y, Z) float32 displacement in voxels; None for the ceiling, which answers with the fixed
            labels and landmarks themselves and has no field to judge.
        packed: the cohort.
        task: ``metrics`` and ``labels``.
    """
    metrics, (moving, fixed) = task["metrics"], pair
    field = None if u is None else torch.from_numpy(u)
    if packed.labels is not None and "dice" in metrics:
        names = structures(packed, task)
        target = np.asarray(packed.labels[fixed])
        warped = target
        if field is not None:
            source = torch.from_numpy(np.array(packed.labels[moving]))[None, None]
            warped = warp(source, field[None], mode="nearest")[0, 0].numpy()
        values = dice_per_label(warped, target, list(names))
        yield "dice", "mean", mean_over_labels(values)
        for label, value in values.items():
            yield "dice", names[label], value
    if field is not None and "std_logj" in metrics:
        yield "std_logj", "", float(std_log_jacobian(field))
    if field is not None and "neg_j" in metrics:
        yield "neg_j", "", float(mean_negative_jacobian(field))
    if packed.landmarks is not None and "tre" in metrics:
        start, goal = (np.asarray(packed.landmarks[row], float) for row in (fixed, moving))
        known = np.isfinite(start).all(1) & np.isfinite(goal).all(1)
        start, goal = start[known], goal[known]
        if len(goal):
            errors = (
                distances_mm(goal, goal, packed.spacing)
                if u is None
                else tre_mm(u, start, goal, packed.spacing)
            )
            yield "tre", "", float(errors.mean())
