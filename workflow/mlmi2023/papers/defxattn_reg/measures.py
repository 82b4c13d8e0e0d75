"""What is measured on one registered pair (Sect. 4, Evaluation Metrics)."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.fields.jacobian import digital_folding, sd_log_jacobian
from mlmi2023.metrics.landmarks import distances_mm, tre_mm
from mlmi2023.metrics.overlap import dice_per_label, mean_over_labels
from mlmi2023.metrics.surface import hd95_per_label

METRICS = ("dice", "hd95", "sdlogj", "pct_fold", "ndv", "tre", "seconds")


def _structures(packed: Packed, task: Mapping[str, Any]) -> dict[int, str]:
    """Return the scored structures; equal names are told apart by their number."""
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


def _label_rows(
    metric: str, values: dict[int, float], names: dict[int, str]
) -> Iterator[tuple[str, str, float]]:
    yield metric, "mean", mean_over_labels(values)
    for label, value in values.items():
        yield metric, names[label], value


def measure(
    case: dict[str, Any], u: np.ndarray | None, packed: Packed, task: Mapping[str, Any]
) -> Iterator[tuple[str, str, float]]:
    """Yield (metric, label, value) of one pair; what cannot be computed is left out or NaN.

    Args:
        case: row of ``cases.json``.
        u: (3, X, Y, Z) float32 displacement in voxels; None for the ceiling, which answers with the
            fixed labels and landmarks themselves and has no field to judge.
        packed: the cohort.
        task: ``metrics``, ``labels``, ``ndv_region``; see :func:`~.evaluate.score`.
    """
    metrics, moving, fixed = task["metrics"], case["moving"], case["fixed"]
    labels = packed.labels
    if labels is not None and {"dice", "hd95"} & set(metrics):
        names = _structures(packed, task)
        target = np.asarray(labels[fixed])
        if u is None:
            warped = target
        else:
            source = torch.from_numpy(np.array(labels[moving]))[None, None]
            warped = warp(source, torch.from_numpy(u)[None], mode="nearest")[0, 0].numpy()
        if "dice" in metrics:
            yield from _label_rows("dice", dice_per_label(warped, target, list(names)), names)
        if "hd95" in metrics:
            yield from _label_rows("hd95", hd95_per_label(warped, target, list(names)), names)
    if u is not None and "sdlogj" in metrics:
        yield "sdlogj", "", sd_log_jacobian(u)
    if u is not None and {"pct_fold", "ndv"} & set(metrics):
        folding = digital_folding(u)
        if "pct_fold" in metrics:
            yield "pct_fold", "", folding.pct_fold
        if "ndv" in metrics:
            yield "ndv", "", _ndv(u, folding.ndv, packed, moving, task)
    if packed.landmarks is not None and "tre" in metrics:
        errors = landmark_errors(u, packed, moving, fixed)
        if len(errors):
            yield "tre", "", float(errors.mean())
    if "seconds" in metrics and case["seconds"] is not None:
        yield "seconds", "", float(case["seconds"])


def landmark_errors(u: np.ndarray | None, packed: Packed, moving: int, fixed: int) -> np.ndarray:
    """Return how far a field leaves the landmarks that both images have, (K,) mm; zero for the ceiling."""
    assert packed.landmarks is not None
    start, goal = (np.asarray(packed.landmarks[row], float) for row in (fixed, moving))
    known = np.isfinite(start).all(1) & np.isfinite(goal).all(1)
    start, goal = start[known], goal[known]
    return distances_mm(goal, goal, packed.spacing) if u is None else tre_mm(u, start, goal, packed.spacing)


def _ndv(u: np.ndarray, of_grid: float, packed: Packed, moving: int, task: Mapping[str, Any]) -> float:
    """NDV over the grid or, as in the released scripts, over the labelled voxels of the moving image."""
    region = task.get("ndv_region", "grid")
    if region not in ("grid", "moving_labels"):
        raise InputError(f"config key task.ndv_region is {region!r}; choose grid or moving_labels")
    if region == "grid" or packed.labels is None:
        return of_grid
    return digital_folding(u, np.asarray(packed.labels[moving]) > 0).ndv
