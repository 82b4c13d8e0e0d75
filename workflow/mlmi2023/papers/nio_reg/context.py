"""What the figures are drawn from: the predictions of their methods, read when needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Job
from mlmi2023.fields.displacement import warp
from mlmi2023.papers.nio_reg.cases import Case, open_cohort
from mlmi2023.papers.nio_reg.evaluate import read_displacement
from mlmi2023.papers.nio_reg.images import Images


@dataclass(frozen=True)
class Context:
    """The runs that a figure shows, by method; all on one dataset.

    Attributes:
        jobs: what was run.
        predictions: folder of predictions.
        names: names to show, of all methods of the paper.
        packed: the cohort.
    """

    jobs: Mapping[str, Job]
    predictions: Mapping[str, Path]
    names: Mapping[str, str]
    packed: Packed

    @property
    def task(self) -> dict[str, Any]:
        """The task of the dataset."""
        return next(iter(self.jobs.values())).task

    def cases(self) -> list[Case]:
        """Return the test pairs, the same for all methods."""
        return [Case(**entry) for entry in read_json(next(iter(self.predictions.values())) / "cases.json")]

    def image(self, row: int) -> np.ndarray:
        """Return an image as methods see it, (X, Y, Z) float32."""
        return Images(self.packed, self.task).array(row)

    def field(self, method: str, case: Case) -> np.ndarray:
        """Return a method's field, (3, X, Y, Z) float32 in voxels."""
        return read_displacement(self.predictions[method] / f"{case.name}.npz", self.packed.shape)

    def warped(self, method: str, case: Case) -> np.ndarray:
        """Return the moving image warped by a method, (X, Y, Z) float32."""
        moving = torch.from_numpy(self.image(case.moving))[None, None]
        u = torch.from_numpy(self.field(method, case))[None]
        return warp(moving, u, padding="border")[0, 0].numpy()


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> Context:
    """Return the context of :func:`mlmi2023.papers.nio_reg.figures.draw`."""
    first = next(iter(jobs.values()))
    return Context(jobs, predictions, names, open_cohort(first.data, first.task))
