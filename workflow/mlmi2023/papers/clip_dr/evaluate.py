"""Predictions and scores of every row of Tables 1 to 3.

A method's ``kind`` is ``learned``, ``pretrained`` (CLIP as it is published, or as it was pretrained here),
``majority``, the floor, or ``truth``, the ceiling. Several targets are scored apart, each under a setting
``on-<domain>``; zero-shot methods also with both prompts, ``prompt-I`` and ``prompt-II``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.metrics.contributions import accuracy
from mlmi2023.metrics.macro_f1 import macro_f1
from mlmi2023.papers.clip_dr.answers import run_network
from mlmi2023.papers.clip_dr.options import Task
from mlmi2023.papers.clip_dr.outcome import TEXTS
from mlmi2023.papers.clip_dr.train import most_frequent
from mlmi2023.tasks import classification
from mlmi2023.tasks.classification import Answer, rounded
from mlmi2023.tasks.domains import View, graded, testing, training, truth
from mlmi2023.tasks.runs import Value, kind_of, read_arrays

KINDS = ("learned", "pretrained", "majority", "truth")
DIGITS = 7  # of probabilities


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write probabilities of all tested images into ``out``.

    See :func:`mlmi2023.tasks.classification.predict`. CoOpLVT leaves ``texts.npz`` as well: how much the text
    of an image's likeliest class moves with the image.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = kind_of(job, KINDS)
    view = graded(testing(job), f"config of paper '{job.paper}': datasets.{job.dataset}.cohort")
    rows = np.array(view.parts.test)
    files: dict[str, dict[str, np.ndarray]] = {}
    if kind in ("learned", "pretrained"):
        by_prompt, moved = run_network(job, weights, view, rows)
        files = {TEXTS: {"spread": moved}} if moved is not None else {}
    elif kind == "majority":
        sure = np.eye(len(view.grade_names))[most_frequent(training(job))]
        by_prompt = {"": np.tile(sure, (len(rows), 1))}
    else:
        own = truth(job)
        by_prompt = {"": classification.truth(own.grades.of(rows), len(view.grade_names))}
    answers = [answer for prompt, p in by_prompt.items() for answer in _answers(job, view, rows, prompt, p)]
    classification.predict(job, answers, out, view.names, files)


def _answers(job: Job, view: View, rows: np.ndarray, prompt: str, p: np.ndarray) -> Iterator[Answer]:
    whole = np.zeros((len(view.names), p.shape[1]))
    whole[rows] = rounded(p, DIGITS)
    whole[rows] /= whole[rows].sum(1, keepdims=True)
    targets, nobody = options(Task, job.task, "config", "task").targets, np.array([], int)
    if prompt or len(targets) == 1:
        yield Answer(whole, rows, nobody, f"prompt-{prompt}" if prompt else "")
        return
    for target in targets:
        own = rows[[view.domains[row] == target for row in rows]]
        yield Answer(whole, own, nobody, f"on-{target}")


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield macro F1 and accuracy of the tested images in percent, what each image adds to them.

    ``moved`` is how much texts move with the images, for methods that have such.
    """
    view = truth(job)
    labels = np.full(len(view.names), -1)
    labels[list(view.parts.test)] = view.grades.of(view.parts.test)
    yield from classification.score(job, predictions, labels, measures, cases=view.names)
    if (predictions / TEXTS).exists():
        spread = read_arrays(predictions / TEXTS)["spread"]
        for row, value in zip(view.parts.test, spread, strict=True):
            yield Value("moved", float(value), view.names[row], setting=_setting(job, view, row))


def _setting(job: Job, view: View, row: int) -> str:
    targets = options(Task, job.task, "config", "task").targets
    return "" if len(targets) == 1 else f"on-{view.domains[row]}"


def measures(labels: np.ndarray, probabilities: np.ndarray, threshold: float | None) -> Mapping[str, Any]:
    """Return contributions to macro F1 over all grades, and to accuracy, in percent, (N,) each."""
    found = probabilities.argmax(1)
    return {
        "f1": 100 * macro_f1(labels, found, probabilities.shape[1]),
        "acc": 100 * accuracy(labels, found),
    }
