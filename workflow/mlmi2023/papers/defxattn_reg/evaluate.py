"""Prediction and scores of one method on the test pairs (Sect. 4, Table 1).

A method's ``kind`` is ``learned`` (a network and its weights), ``convexadam`` or one that all papers share
(:mod:`mlmi2023.tasks.registration.methods`): ``syn``, ``identity`` (the floor) and ``truth`` (the ceiling).
"""

from collections.abc import Iterator
from pathlib import Path

from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.jobs import Job
from mlmi2023.papers.defxattn_reg import model
from mlmi2023.papers.defxattn_reg.convexadam import ConvexAdam
from mlmi2023.tasks.registration.methods import Method, make_method, on_device
from mlmi2023.tasks.registration.pairs import held_out_pairs
from mlmi2023.tasks.registration.predict import Work, register_pairs
from mlmi2023.tasks.registration.score import score_pairs
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.tasks.runs import Value, ready, start


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Register every test pair and write ``out``; see :mod:`mlmi2023.tasks.registration.stored`.

    Args:
        job: ``task`` says which pairs and modalities, ``method_options`` which method.
        weights: safetensors file; only for learned methods.
        out: folder to make.

    Raises:
        InputError: no test pairs, an unknown method kind, missing weights or modalities.
    """
    packed, device = open_packed(job.data), start(job)
    volumes = Volumes(packed, job.task["moving"], job.task["fixed"])

    def learned(*_: object) -> Method:
        return on_device(*ready(job, lambda: model.build_net(job.method_options, packed.shape), weights))

    def convexadam(*_: object) -> Method:
        return on_device(ConvexAdam.from_config(job.method_options).register, device)

    found = held_out_pairs(packed, job.task)
    method = make_method(job, packed.spacing, {"learned": learned, "convexadam": convexadam})
    register_pairs(job, [Work(method, found)], volumes, out)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the metrics of ``task.metrics``; see :data:`mlmi2023.tasks.registration.measures.MEASURES`."""
    return score_pairs(job, predictions)
