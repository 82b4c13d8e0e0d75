"""From kept predictions to values: case by case, or over all pixels of all cases."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.metrics.segmentation import Counts, pooled_contributions, rates
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation.cases import Cases
from mlmi2023.tasks.segmentation.predicting import read_case


class Pair(NamedTuple):
    """A tested case: what was found, and the truth.

    Attributes:
        case: its name.
        row: its place in the cohort.
        found: labels.
        truth: labels of the same shape.
        kept: all arrays that the prediction has left of it.
    """

    case: str
    row: int
    found: np.ndarray
    truth: np.ndarray
    kept: dict[str, np.ndarray]


#: yields the values of a case; their ``case`` is filled in
Measure = Callable[[Pair], Iterable[Value]]


def pairs(predictions: Path, cases: Cases) -> Iterator[Pair]:
    """Yield the tested cases, one by one.

    Raises:
        InputError: a prediction is missing, broken or of another cohort.
    """
    for row in cases.rows("test"):
        kept = read_case(predictions, cases, row)
        yield Pair(cases.name(row), row, kept["labels"], cases.truth(row), kept)


def score(predictions: Path, cases: Cases, *measures: Measure) -> Iterator[Value]:
    """Yield the values of each measure for each tested case.

    Args:
        predictions: folder.
        cases: of the job.
        measures: called with each case.
    """
    for pair in pairs(predictions, cases):
        for measure in measures:
            for value in measure(pair):
                yield value._replace(case=pair.case)


def dice_values(
    pair: Pair, names: Mapping[int, str], mean: str = "avg", metric: str = "dsc", factor: float = 100.0
) -> Iterator[Value]:
    """Yield the Dice of each structure of a case and their mean.

    A structure that is in neither map is left out; one that is wrongly found counts as 0.

    Args:
        pair: the case.
        names: label of each structure's value, as the tables call it.
        mean: label of the mean.
        metric: id.
        factor: of the values; 100 for percent.
    """
    dice = dice_per_label(pair.found, pair.truth, list(names))
    there = {names[label]: value for label, value in dice.items() if not np.isnan(value)}
    there[mean] = float(np.mean(list(there.values()))) if there else float("nan")
    for label, value in there.items():
        yield Value(metric, factor * value, label=label)


def rate_values(
    counts: Mapping[str, Counts],
    pooled: Mapping[str, str],
    alone: Mapping[str, str],
    factor: float = 1.0,
    setting: str = "",
) -> Iterator[Value]:
    """Yield rates over the pixels of all cases, and of each case alone.

    A case's number of a pooled rate is its contribution
    (:func:`mlmi2023.metrics.segmentation.pooled_contributions`), whose mean is the pooled rate.

    Args:
        counts: of one structure, by case.
        pooled: rate by the metric's id.
        alone: the same, for rates of a case alone.
        factor: of the values; 100 for percent.
        setting: under which they are.
    """
    shares = pooled_contributions(counts.values())
    for number, (case, own) in enumerate(counts.items()):
        for metric, rate in pooled.items():
            yield Value(metric, factor * float(shares[rate][number]), case, setting=setting)
        rate_of = rates(own)
        for metric, rate in alone.items():
            yield Value(metric, factor * rate_of[rate], case, setting=setting)
