"""What the figures are drawn from: the cohort, and what each method has left."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmi2023.cohorts.forms.scans.reader import Scans, open_scans
from mlmi2023.core.jobs import Job


@dataclass(frozen=True)
class Context:
    """Inputs of :func:`mlmi2023.papers.relational_unet.figures.draw`.

    Attributes:
        scans: the cohort.
        jobs: job by method.
        weights: final weights by method, for trained ones.
        predictions: folder of predictions by method.
        names: names to show by method.
    """

    scans: Scans
    jobs: Mapping[str, Job]
    weights: Mapping[str, Path]
    predictions: Mapping[str, Path]
    names: Mapping[str, str]


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> Context:
    """Return the context; all jobs are on one dataset. Results are read, networks are not run again."""
    return Context(open_scans(next(iter(jobs.values())).data), jobs, weights, predictions, names)
