"""What is measured on a registered pair (Sect. 3, Measurement)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.joined.parts import structures
from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.jacobian import jacobian_determinant
from mlmi2023.metrics.registration_errors import summarise
from mlmi2023.tasks.registration.measures import Measure, Registered, dice, seconds
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.runs import Value

#: what ``task.metrics`` names besides the measures of pairs
BESIDE = ("dsc30",)
WORST = 0.3


def find_structures(packed: Packed, task: Mapping[str, Any], fixed: int) -> dict[int, str]:
    """Return the structures that are labelled in the fixed scan's part of the cohort."""
    return structures(packed, fixed)


def registered(pair: Pair, u: np.ndarray | None, packed: Packed, task: Mapping[str, Any]) -> Registered:
    """Return what the measures of this paper look at."""
    return Registered(pair, u, packed, task, find_structures=find_structures)


def quality(pair: Pair, u: np.ndarray, packed: Packed) -> float:
    """Return what chooses weights and rates on validation pairs: mean Dice or, for chests, minus the mean
    TRE.

    Raises:
        InputError: the cohort lacks what is needed.
    """
    found = registered(pair, u, packed, {})
    if pair.label and found.errors is not None:
        return -float(found.errors.mean())
    if pair.label or packed.labels is None:
        raise InputError(
            f"cohort '{packed.name}' has no {'landmarks' if pair.label else 'labels'}, so nothing can be "
            "validated; give it some, or no validation subjects"
        )
    return next(dice("dsc", found)).value  # the mean comes first


def _std_jac(metric: str, of: Registered) -> Iterator[Value]:
    if of.u is not None:
        yield of.value(metric, float(jacobian_determinant(of.u).double().std(unbiased=False)))


def _tre(metric: str, of: Registered) -> Iterator[Value]:
    """Yield the mean and, for chests, the error of each landmark as a case of its own."""
    if of.errors is None:
        return
    yield of.value(metric, summarise(of.errors, 0).mean, "mean")
    for number, error in enumerate(of.errors if of.pair.label else ()):
        yield Value(metric, float(error), f"{of.pair.case}-{number:03d}", of.pair.label)


def _within(metric: str, of: Registered) -> Iterator[Value]:
    """Yield the share of landmarks that are nearer than ``task.near`` mm, percent."""
    if of.errors is not None:
        yield of.value(metric, 100 * summarise(of.errors, float(of.task.get("near", 0))).below, "mean")


#: seconds run from images in memory to the field in memory; controls have none
MEASURES: dict[str, Measure] = {
    "dsc": dice,
    "std_jac": _std_jac,
    "tre": _tre,
    "within": _within,
    "t_test": seconds,
}


def worst_mean(values: Sequence[float]) -> float:
    """Return the mean of the lowest 30 % of the cases, at least one (DSC30)."""
    count = max(1, round(WORST * len(values)))
    return float(np.mean(sorted(values)[:count]))
