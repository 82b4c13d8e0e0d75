"""What the figures are drawn from: the cohort, and what each method has left."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmi2023.cohorts.forms.ct_stacks.reader import Stacks, open_stacks
from mlmi2023.core.jobs import Job
from mlmi2023.papers.sr4zct.members import Member, members


@dataclass(frozen=True)
class Context:
    """Inputs of :func:`mlmi2023.papers.sr4zct.figures.draw`.

    Attributes:
        cohort: the scans.
        jobs: job by method.
        predictions: folder of predictions by method.
        names: names to show by method.
    """

    cohort: Stacks
    jobs: Mapping[str, Job]
    predictions: Mapping[str, Path]
    names: Mapping[str, str]

    def first(self, method: str) -> list[Member]:
        """Return a method's members on the first test volume."""
        found = members(self.jobs[method], self.cohort)
        return [member for member in found if member.volume.name == found[0].volume.name]


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> Context:
    """Return the context; all jobs are on one dataset. Results are read, networks are not run again."""
    return Context(open_stacks(next(iter(jobs.values())).data), jobs, predictions, names)
