"""What the figures are drawn from: the jobs, weights and predictions of their methods, read when needed."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Job
from mlmi2023.papers.implicit_reg.evaluate import read_displacement


@dataclass(frozen=True)
class Context:
    """The runs that a figure shows, by method; all on one dataset.

    Attributes:
        jobs: what was run.
        weights: final weights of trained methods.
        predictions: folder of predictions.
        names: names to show, of all methods of the paper.
        packed: the cohort.
    """

    jobs: Mapping[str, Job]
    weights: Mapping[str, Path]
    predictions: Mapping[str, Path]
    names: Mapping[str, str]
    packed: Packed

    def cases(self) -> list[dict[str, int]]:
        """Return the rows of ``cases.json``, the same for all methods."""
        return read_json(next(iter(self.predictions.values())) / "cases.json")

    def field(self, method: str, case: str) -> np.ndarray:
        """Return the field of a method's first setting, (3, X, Y, Z) float32 in voxels."""
        folder = self.predictions[method]
        chosen = next(iter(read_json(folder / "chosen.json").values()))
        return read_displacement(folder / str(chosen["number"]) / f"{case}.npz", self.packed.shape)

    def curve(self, method: str) -> dict[str, list[float]]:
        """Return the training curve: step, val_score and val_std_logj after each epoch.

        Raises:
            InputError: the curve is missing; it lies beside the weights.
        """
        file = self.weights[method].parent / "curve.csv"
        if not file.is_file():
            raise InputError(f"{file}: no such file; train again")
        with open(file, newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {
            key: [float(row[key]) for row in rows if row.get(key)]
            for key in ("step", "val_score", "val_std_logj")
        }


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> Context:
    """Return the context of :func:`mlmi2023.papers.implicit_reg.figures.draw`."""
    packed = open_packed(next(iter(jobs.values())).data)
    return Context(jobs, weights, predictions, names, packed)
