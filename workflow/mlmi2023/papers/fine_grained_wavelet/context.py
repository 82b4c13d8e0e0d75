"""What the figures are drawn from: the test cases, and what each method has left."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmi2023.core.jobs import Job
from mlmi2023.papers.fine_grained_wavelet.slices import Slices, open_slices


@dataclass(frozen=True)
class Context:
    """Inputs of :func:`mlmi2023.papers.fine_grained_wavelet.figures.draw`.

    Attributes:
        slices: the test cases.
        predictions: folder of predictions by method.
        names: names to show by method.
    """

    slices: Slices
    predictions: Mapping[str, Path]
    names: Mapping[str, str]


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> Context:
    """Return the context; all jobs are on one dataset. Networks are not run again."""
    return Context(open_slices(next(iter(jobs.values())), "test"), predictions, names)
