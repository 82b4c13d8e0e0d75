"""What the figures are drawn from: the slices, and what each method has made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmi2023.core.jobs import Job
from mlmi2023.papers.dmdip.slices import Slices, load_slices


@dataclass(frozen=True)
class Context:
    """Inputs of :func:`mlmi2023.papers.dmdip.figures.draw`.

    Attributes:
        slices: the data.
        beyond: whether the slices themselves are the input.
        predictions: folder of predictions by method.
        names: names to show by method.
    """

    slices: Slices
    beyond: bool
    predictions: Mapping[str, Path]
    names: Mapping[str, str]


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> Context:
    """Return the context; all jobs are on one dataset."""
    job = next(iter(jobs.values()))
    return Context(load_slices(job.data, job.task), bool(job.task.get("beyond")), predictions, names)
