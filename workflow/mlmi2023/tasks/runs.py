"""What every paper's predict, score and figures stand on: runs, values, ready networks, stored arrays."""

import csv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge

if TYPE_CHECKING:
    import torch

#: what to do about a broken prediction
AGAIN = "delete its folder and predict again"


class Value(NamedTuple):
    """A measured value, as a paper's ``score`` yields it; the chain adds dataset, method, seed and fold.

    Attributes:
        metric: id of the metric.
        value: finite, or NaN where it cannot be had.
        case: the subject, pair or scan; empty for one value per run.
        label: the structure, or another part of the case.
        setting: the condition (:func:`mlmi2023.reporting.names.setting_name`).
        fold: of the value, where one run holds several folds; None: the job's.
    """

    metric: str
    value: float
    case: str = ""
    label: str = ""
    setting: str = ""
    fold: int | None = None


@dataclass(frozen=True)
class Runs:
    """The runs that a figure shows, by method; all on one dataset.

    Attributes:
        jobs: what was run.
        weights: final weights of trained methods.
        predictions: folder of predictions.
        names: names to show, of all methods of the paper.
    """

    jobs: Mapping[str, Job]
    weights: Mapping[str, Path]
    predictions: Mapping[str, Path]
    names: Mapping[str, str]

    @property
    def job(self) -> Job:
        """The first job: of what all runs share, such as the task."""
        return next(iter(self.jobs.values()))

    @cached_property
    def cohort(self) -> Any:
        """The packed cohort, opened by the reader of its form."""
        return open_cohort(self.job.data)

    def curve(self, method: str) -> dict[str, np.ndarray]:
        """Return a method's training curve: ``step`` and each logged value, NaN where it was not logged.

        Raises:
            InputError: the curve is missing; it lies beside the weights.
        """
        file = self.weights[method].parent / "curve.csv"
        if not file.is_file():
            raise InputError(f"{file}: no such file; train again")
        with open(file, newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {
            key: np.array([float(row[key] or "nan") for row in rows]) for key in (rows[0] if rows else ())
        }


def kind_of(job: Job, kinds: tuple[str, ...]) -> str:
    """Return the method's ``kind``.

    Raises:
        InputError: it is none of ``kinds``.
    """
    kind = job.method_options.get("kind")
    if kind not in kinds:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(kinds)}")
    return str(kind)


def settings(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a method's options under each of its settings; without ``settings`` there is one, unnamed."""
    shared = {key: value for key, value in options.items() if key != "settings"}
    named = options.get("settings") or {"": {}}
    return {str(name): merge(shared, over or {}) for name, over in named.items()}


def start(job: Job) -> "torch.device":
    """Return the job's device, with its threads and deterministic kernels set."""
    from mlmi2023.training.loop.device import make_deterministic, pick_device

    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    return device


def ready(
    job: Job, net: "torch.nn.Module | Callable[[], torch.nn.Module]", weights: Path | None
) -> "tuple[torch.nn.Module, torch.device]":
    """Return a trained network on the job's device, in evaluation mode, and the device.

    Args:
        job: of a learned method.
        net: the network, or what builds it.
        weights: what training wrote.

    Raises:
        InputError: weights are missing, broken or of another network.
    """
    import torch

    from mlmi2023.training.loop.device import lay_out
    from mlmi2023.training.loop.weights import load_weights

    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    device = start(job)
    network = net if isinstance(net, torch.nn.Module) else net()
    load_weights(network, weights)
    return lay_out(network, device).eval(), device


def read_arrays(file: Path, shape: tuple[int, ...] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a ``.npz`` or, named ``""``, the one of a ``.npy`` that a prediction has left.

    Args:
        file: what ``predict`` wrote.
        shape: that every array must have; None: any.

    Raises:
        InputError: it is missing, broken or of another cohort.
    """
    file = Path(file)
    try:
        content = np.load(file)
        if isinstance(content, np.ndarray):
            found = {"": content}
        else:
            with content:
                found = dict(content)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: cannot be read ({error}); {AGAIN}") from error
    for array in found.values():
        if shape is not None and array.shape != tuple(shape):
            raise InputError(f"{file}: has shape {array.shape}, not {tuple(shape)}; {AGAIN}")
    return found
