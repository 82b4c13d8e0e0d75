"""Filling defects: where clots lie, by type, and how they thin the contrast behind them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.pulmonary_ct.tree import Tubes

# arteries in which clots of a place lie
PLACES = {"central": ("main", "lobar"), "segmental": ("segmental",), "subsegmental": ("subsegmental",)}


@dataclass(frozen=True)
class Clots:
    """M clots, each a tapered tube inside an artery.

    Attributes:
        start: (M, 3) mm.
        end: (M, 3) mm.
        radius: (M, 2) mm, at start and end.
        hu: (M,) Hounsfield units.
        vessel: (M,) the artery it lies in.
        share: (M,) share of the lumen's radius that it fills.
    """

    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray
    hu: np.ndarray
    vessel: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.start)


def draw_clots(
    rng: np.random.Generator, kind: str, severity: float, tubes: Tubes, options: dict[str, Any]
) -> Clots:
    """Draw the clots of one patient; none for a negative one.

    Args:
        rng: of the patient.
        kind: type of the embolism, or empty.
        severity: adds to the number of clots, ``options.per_severity`` each.
        tubes: arteries.
        options: the part ``clots`` of the options.
    """
    chosen: list[int] = []
    for place, (low, high) in (options[kind] if kind else {}).items():
        count = int(rng.integers(low, high + 1))
        if count or low:  # severity adds to what is there, it starts nothing
            count += int(rng.poisson(options["per_severity"] * max(severity, 0.0)))
        pool = tubes.of_level(*PLACES[place])
        chosen += list(rng.choice(pool, min(count, len(pool)), replace=False))
    rows = [_one(rng, tubes, vessel, options) for vessel in chosen]
    if not rows:
        none = np.empty((0, 3))
        return Clots(none, none, np.empty((0, 2)), np.empty(0), np.empty(0, int), np.empty(0))
    start, end, radius, hu, share = (np.array(column) for column in zip(*rows))
    return Clots(start, end, radius, hu, np.array(chosen), share)


def _one(rng: np.random.Generator, tubes: Tubes, vessel: int, options: dict[str, Any]) -> tuple[Any, ...]:
    share, extent = rng.uniform(*options["share"]), rng.uniform(*options["extent"])
    first = rng.uniform(0, 1 - extent)
    axis = tubes.end[vessel] - tubes.start[vessel]
    side = rng.standard_normal(3)
    side -= axis * (side @ axis) / (axis @ axis)
    side /= np.linalg.norm(side)
    lumen = np.interp([first, first + extent], [0, 1], tubes.radius[vessel])
    # a clot that does not fill the lumen clings to the wall
    shift = side * (1 - share) * lumen.mean()
    ends = [tubes.start[vessel] + axis * t + shift for t in (first, first + extent)]
    return ends[0], ends[1], share * lumen, rng.uniform(*options["hu"]), share


def flow(tubes: Tubes, clots: Clots, options: dict[str, Any]) -> np.ndarray:
    """Return the share of contrast that reaches each artery, (N,): less behind an occlusive clot."""
    blocked = set(clots.vessel[clots.share > options["occlusive"]].tolist())
    shares = np.ones(len(tubes))
    for tube, parent in enumerate(tubes.parent):  # parents come first
        if parent >= 0:
            shares[tube] = shares[parent] * (options["downstream"] if int(parent) in blocked else 1.0)
    return shares
