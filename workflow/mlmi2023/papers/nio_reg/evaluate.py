"""Prediction and scores of every row of Tables 1 and 2.

A method's ``kind`` is

``learned``   a network and its weights: LapIRN, MPR, ULAE;
``nio``       LapIRN adapted to each pair, at one resolution or several (NIO, NIO_m);
``io``        the field of LapIRN, improved value by value (IO);

or one that all papers share: ``syn``, ``niftyreg``, ``identity`` (the floor, and a row of the paper: affine
alignment alone), ``truth`` (the ceiling: the fixed image's own labels and landmarks).
"""

from collections.abc import Iterator
from pathlib import Path

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.jobs import Job
from mlmi2023.papers.nio_reg.cases import groups
from mlmi2023.papers.nio_reg.measures import BESIDE, MEASURES, find_structures, worst_mean
from mlmi2023.papers.nio_reg.methods import make_methods
from mlmi2023.tasks.registration.predict import Work, register_pairs
from mlmi2023.tasks.registration.score import score_pairs
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.tasks.runs import Value


def volumes_of(packed: Packed, job: Job) -> Volumes:
    """Return the images that methods see: ``task.image``, or what of it lies in the lungs (``task.roi``)."""
    return Volumes(packed, job.task["image"], job.task["image"], bool(job.task.get("roi")))


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Register every test pair and write ``out``; see :mod:`mlmi2023.tasks.registration.stored`.

    ``chosen.json`` is what validation pairs decided for each group, such as IO's rate.

    Args:
        job: ``task`` says which pairs, ``method_options`` which method.
        weights: safetensors file; only for learned methods.
        out: folder to make.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    packed = open_cohort(job.data)
    volumes, found = volumes_of(packed, job), groups(packed, job.task)
    methods, chosen = make_methods(job, weights, volumes, found)
    work = [Work(method, group.test) for method, group in zip(methods, found)]
    register_pairs(job, work, volumes, out, {"chosen": chosen})


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the metrics of ``task.metrics``: :data:`~.measures.MEASURES`, and dsc30, one value per run."""
    means = []
    for value in score_pairs(job, predictions, MEASURES, BESIDE, find_structures):
        yield value
        if (value.metric, value.label) == ("dsc", "mean"):
            means.append(value.value)
    if means and "dsc30" in job.task["metrics"]:
        yield Value("dsc30", worst_mean(means))
