"""Has a network learned? The status of a training, from its own curve.

The rule, with v the measured value turned so that more is better and made monotone (the best so far, since a
curve that only wobbles has not lost anything):

- gain = v(end) - floor; way = ceiling - floor;
- **not learned**: gain < way / 20;
- **still rising**: more than a tenth of the gain came in the last quarter of the steps;
- **settled**: neither;
- **not known**: the curve cannot say (no such value, none before the first step, nothing finite).

Between two measurements the curve is taken as straight, so that a coarse one is judged as well. Where the
schedule is repeated (a fit to each scan on its own), the mean curve over the repeats is judged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite, nan
from typing import Any

import numpy as np

#: The loss of the training steps themselves, the measure of trainings that are not validated.
TRAIN_LOSS = "train_loss"
SETTLED, RISING, NOT_LEARNED, NOT_KNOWN = "settled", "still rising", "not learned", "not known"
#: Share of the way from floor to ceiling under which nothing has been learned.
LEAST_GAIN = 1 / 20
#: Share of the gain that may come late, and from which share of the steps on it is late.
MOST_LATE, LATE = 1 / 10, 3 / 4


@dataclass(frozen=True)
class Measure:
    """The value in a training's curve that says whether its network has learned.

    Attributes:
        name: column of ``curve.csv``. :data:`TRAIN_LOSS` is the loss that ``training_step`` returns or, where
            that is a dictionary with such a key, the value under it.
        better: ``higher`` or ``lower``.
        ceiling: the best value there can be, or a function that finds it: 1 for Dice, 0 for a loss that ends
            there.
        floor: value of the floor control, or a function that finds it; None: the value before the first step.
            Where the value before the first step is better than the control's, that one is the floor.
    """

    name: str
    better: str = "higher"
    ceiling: float | Callable[[], float] = 1.0
    floor: float | Callable[[], float] | None = None

    @property
    def sign(self) -> int:
        """+1 when higher is better, -1 when lower is."""
        return {"higher": 1, "lower": -1}[self.better]


@dataclass(frozen=True)
class Status:
    """What a training's curve says: one of the four texts, the values behind it, and why it is not known."""

    status: str
    measure: str
    before: float = nan
    end: float = nan
    floor: float = nan
    ceiling: float = nan
    late: float = nan
    why: str = ""

    def about(self) -> dict[str, Any]:
        """Return it for ``train.json``; a value that could not be had is None."""
        return {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in asdict(self).items()}


def mean_over_repeats(curve: Sequence[Mapping[str, float]], steps: int) -> list[dict[str, float]]:
    """Return the mean curve of a schedule of so many steps that was done several times.

    Args:
        curve: rows in the order of their ``step``, counted over all repeats; step 0 stands for all of them.
        steps: optimiser steps of one repeat.
    """
    found: dict[float, dict[str, list[float]]] = {}
    for row in curve:
        place = (row["step"] - 1) % steps + 1 if row["step"] else 0
        for name, value in row.items():
            if name != "step":
                found.setdefault(place, {}).setdefault(name, []).append(value)
    return [
        {"step": place, **{name: float(np.mean(values)) for name, values in found[place].items()}}
        for place in sorted(found)
    ]


def judge(curve: Sequence[Mapping[str, float]], measure: Measure, steps: int) -> Status:
    """Return the status of a training; see the module's docstring.

    Args:
        curve: rows of ``curve.csv`` in the order of their ``step``; step 0 is before the first step. Rows
            without the value, or with one that is not finite, are passed over.
        measure: what to look at.
        steps: optimiser steps in all.
    """
    points = [(row["step"], float(row[measure.name])) for row in curve if measure.name in row]
    if not points:
        return Status(NOT_KNOWN, measure.name, why=f"its curve has no {measure.name}")
    points = [(step, value) for step, value in points if isfinite(value)]
    before = next((value for step, value in points if step == 0), nan)
    after = [(step, value) for step, value in points if step > 0]
    sign = measure.sign
    floors = [] if measure.floor is None else [_value(measure.floor)]
    floors += [before] if isfinite(before) else []
    floor = max(floors, key=lambda value: sign * value, default=nan)
    ceiling = _value(measure.ceiling)
    known = Status(NOT_KNOWN, measure.name, before=before, floor=floor, ceiling=ceiling)
    if not after:
        return replace(known, why=f"no finite {measure.name} after a step")
    if not isfinite(before):
        return replace(known, why=f"no {measure.name} before the first step")
    at = np.array([0.0, *(step for step, _ in after)])
    best = np.maximum.accumulate([sign * before, *(sign * value for _, value in after)])
    known = replace(known, end=float(sign * best[-1]))
    gain, way = float(best[-1] - sign * floor), sign * (ceiling - floor)
    if not (isfinite(floor) and way > 0):
        return replace(known, why="its floor lies at or beyond its ceiling")
    if gain < LEAST_GAIN * way:
        return replace(known, status=NOT_LEARNED)
    late = float(best[-1] - np.interp(LATE * steps, at, best)) / gain
    return replace(known, status=RISING if late > MOST_LATE else SETTLED, late=late)


def _value(given: float | Callable[[], float]) -> float:
    return float(given() if callable(given) else given)
