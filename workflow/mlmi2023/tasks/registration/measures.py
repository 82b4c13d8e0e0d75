"""What is measured on a registered pair.

A measure takes the id of its metric and a :class:`Registered` and yields values; of what a cohort lacks, or a
method without a field cannot have, it yields none. A paper adds its own to :data:`MEASURES`, or gives one of
these another id.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import Mode, warp_labels
from mlmi2023.fields.jacobian import Folding, digital_folding, sd_log_jacobian
from mlmi2023.metrics.landmarks import distances_mm, tre_mm
from mlmi2023.metrics.overlap import dice_per_label, mean_over_labels
from mlmi2023.metrics.surface import hd95_per_label
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.runs import Value

#: cohort, task and row of the fixed image -> name by label of the structures that are scored
Structures = Callable[[Packed, Mapping[str, Any], int], dict[int, str]]
LABEL_WARPS: dict[str, Mode] = {"nearest": "nearest", "linear": "bilinear"}


def structures(packed: Packed, task: Mapping[str, Any], fixed: int = 0) -> dict[int, str]:
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


@dataclass(frozen=True)
class Registered:
    """A pair and the field that a method found for it.

    Attributes:
        pair: the pair.
        u: (3, X, Y, Z) float32 in voxels; None for the ceiling, which answers with the fixed labels and
            landmarks themselves and has no field to judge.
        packed: the cohort.
        task: of the dataset.
        seconds: that it took; None for controls.
        find_structures: says which structures are scored.
    """

    pair: Pair
    u: np.ndarray | None
    packed: Packed
    task: Mapping[str, Any]
    seconds: float | None = None
    find_structures: Structures = structures

    @cached_property
    def names(self) -> dict[int, str]:
        """Name by label of the scored structures."""
        return self.find_structures(self.packed, self.task, self.pair.fixed)

    @cached_property
    def maps(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Warped and fixed label map, (X, Y, Z); None if the cohort has no labels.

        ``task.label_warp`` says how labels are warped: ``nearest``, or ``linear`` masks of all labels.
        """
        if self.packed.labels is None:
            return None
        target = np.asarray(self.packed.labels[self.pair.fixed])
        if self.u is None:
            return target, target
        source = torch.from_numpy(np.array(self.packed.labels[self.pair.moving]))[None, None]
        how = self.task.get("label_warp", "nearest")
        if how not in LABEL_WARPS:
            raise InputError(f"config key task.label_warp is {how!r}; choose {' or '.join(LABEL_WARPS)}")
        u = torch.from_numpy(self.u)[None]
        return warp_labels(source, u, LABEL_WARPS[how])[0, 0].numpy(), target

    @cached_property
    def errors(self) -> np.ndarray | None:
        """How far each landmark that both images have is left from its partner, (K,) mm; None without any."""
        if self.packed.landmarks is None:
            return None
        rows = self.pair.fixed, self.pair.moving
        start, goal = (np.asarray(self.packed.landmarks[row], float) for row in rows)
        known = np.isfinite(start).all(1) & np.isfinite(goal).all(1)
        start, goal = start[known], goal[known]
        if self.u is None:
            return distances_mm(goal, goal, self.packed.spacing)
        return tre_mm(self.u, start, goal, self.packed.spacing)

    @cached_property
    def folding(self) -> Folding:
        """Folding over the whole grid."""
        assert self.u is not None
        return digital_folding(self.u)

    def value(self, metric: str, value: float, label: str = "") -> Value:
        """Return a value of this pair."""
        return Value(metric, float(value), self.pair.case, label)

    def by_structure(self, metric: str, values: Mapping[int, float]) -> Iterator[Value]:
        """Yield the mean over structures, as label ``mean``, and the value of each."""
        yield self.value(metric, mean_over_labels(dict(values)), "mean")
        yield from (self.value(metric, value, self.names[label]) for label, value in values.items())


Measure = Callable[[str, Registered], Iterable[Value]]


def dice(metric: str, of: Registered) -> Iterator[Value]:
    """Dice coefficient of warped labels."""
    if of.maps is not None:
        yield from of.by_structure(metric, dice_per_label(*of.maps, list(of.names)))


def hd95(metric: str, of: Registered) -> Iterator[Value]:
    """95 % Hausdorff distance of warped labels, in voxels (:mod:`mlmi2023.metrics.surface`)."""
    if of.maps is not None:
        yield from of.by_structure(metric, hd95_per_label(*of.maps, list(of.names)))


def sd_log_j(metric: str, of: Registered) -> Iterator[Value]:
    """Standard deviation of the log Jacobian by the rule of Learn2Reg."""
    if of.u is not None:
        yield of.value(metric, sd_log_jacobian(of.u))


def pct_fold(metric: str, of: Registered) -> Iterator[Value]:
    """Share of folded voxels of the whole grid by one-sided differences, percent."""
    if of.u is not None:
        yield of.value(metric, of.folding.pct_fold)


def ndv(metric: str, of: Registered) -> Iterator[Value]:
    """Non-diffeomorphic volume, percent of ``task.ndv_region``: voxels that the moving image has labels for
    (``moving_labels``, the default; none without labels), or the whole ``grid``.
    """
    region = of.task.get("ndv_region", "moving_labels")
    if region not in ("grid", "moving_labels"):
        raise InputError(f"config key task.ndv_region is {region!r}; choose grid or moving_labels")
    if of.u is None:
        return
    if region == "grid":
        yield of.value(metric, of.folding.ndv)
    elif of.packed.labels is not None:
        mask = np.asarray(of.packed.labels[of.pair.moving]) > 0
        yield of.value(metric, digital_folding(of.u, mask).ndv)


def tre(metric: str, of: Registered) -> Iterator[Value]:
    """Target registration error, mean over landmarks, mm."""
    if of.errors is not None and len(of.errors):
        yield of.value(metric, of.errors.mean())


def seconds(metric: str, of: Registered) -> Iterator[Value]:
    """Seconds that the pair took; controls have none."""
    if of.seconds is not None:
        yield of.value(metric, of.seconds)


MEASURES: dict[str, Measure] = {
    "dice": dice,
    "hd95": hd95,
    "sdlogj": sd_log_j,
    "pct_fold": pct_fold,
    "ndv": ndv,
    "tre": tre,
    "seconds": seconds,
}
