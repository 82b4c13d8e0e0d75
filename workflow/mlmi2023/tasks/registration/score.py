"""Score registered pairs by a table of measures."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.registration.measures import MEASURES, Measure, Registered, Structures, structures
from mlmi2023.tasks.registration.stored import SKIPPED, read_cases, read_field
from mlmi2023.tasks.runs import Value


def check_metrics(job: Job, known: Collection[str]) -> None:
    """Refuse a metric under ``task.metrics`` that is not known.

    Raises:
        InputError: there is one.
    """
    if unknown := [m for m in job.task["metrics"] if m not in known]:
        raise InputError(f"config key task.metrics names {unknown[0]!r}; choose from {', '.join(known)}")


def score_pairs(
    job: Job,
    predictions: Path,
    measures: Mapping[str, Measure] = MEASURES,
    beside: Collection[str] = (),
    find_structures: Structures = structures,
) -> Iterator[Value]:
    """Yield the values of all pairs of a folder of predictions, those of ``task.metrics``.

    What the cohort has no truth for is left out, and so is any NaN (a structure that neither map has).

    Args:
        job: the job that was predicted.
        predictions: a folder as :func:`~.predict.register_pairs` writes it.
        measures: by id of the metric.
        beside: further ids that ``task.metrics`` may name, which the paper measures by itself.
        find_structures: says which structures are scored.

    Raises:
        InputError: an unknown metric or label, or a broken prediction.
    """
    check_metrics(job, (*measures, *beside))
    torch.set_num_threads(max(1, job.threads))
    if (Path(predictions) / SKIPPED).is_file():
        return
    packed = open_cohort(job.data)
    for pair, row in read_cases(predictions):
        u = None
        if job.method_options.get("kind") != "truth":
            u = read_field(predictions, pair.case, packed.shape)
        found = Registered(pair, u, packed, job.task, row["seconds"], find_structures)
        yield from measured(found, job.task["metrics"], measures)


def measured(
    of: Registered, metrics: Iterable[str], measures: Mapping[str, Measure] = MEASURES
) -> Iterator[Value]:
    """Yield the values of one pair that are not NaN."""
    for metric in metrics:
        for value in measures[metric](metric, of) if metric in measures else ():
            if not np.isnan(value.value):
                yield value
