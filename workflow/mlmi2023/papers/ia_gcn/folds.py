"""All folds and settings of a method in one job: what each member of the ensemble is trained and tested on.

A fold takes seconds, starting a process takes as long. So one job trains the networks of all folds side by
side, one step of each in turn; they share nothing but the process, and come out as if trained alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.find.folds import hold_out
from mlmi2023.cohorts.forms.table.reader import Table
from mlmi2023.core.config import merge
from mlmi2023.core.jobs import Job
from mlmi2023.papers.ia_gcn.inputs import standardise


@dataclass(frozen=True)
class Fold:
    """One fold of a table.

    Attributes:
        number: 0 to K - 1.
        x: (N, D) standardised features of all subjects, of the test fold too: the graph is transductive.
        labels: (N,) classes; -1 outside the training rows, so that nothing can learn from them.
        train: rows to learn from.
        val: rows held out of training for the operating point; may be empty.
        test: rows to score.
    """

    number: int
    x: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def folds(table: Table, task: dict[str, Any]) -> Iterator[Fold]:
    """Yield the folds of a task: the same rows for every method, whatever its seed."""
    target = task["target"]
    labels = table.labels(target)
    for number in range(table.fold_count):
        train, test = table.split(target, number)
        train, val = hold_out(labels, train, float(task.get("validation", 0.0)), number)
        known = np.full(len(table), -1)
        known[train] = labels[train]
        yield Fold(number, standardise(table.features, train), known, train, val, test)


def settings(options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a method's options under each of its settings; without ``settings`` there is one, unnamed."""
    shared = {key: value for key, value in options.items() if key != "settings"}
    named = options.get("settings") or {"": {}}
    return {str(name): merge(shared, over or {}) for name, over in named.items()}


def stage_settings(job: Job) -> dict[str, dict[str, Any]]:
    """Return the settings of the job's stage: those of the method, or for stage ``mask`` its ``selector``."""
    if job.stage == "mask":
        return {"": job.method_options["selector"]}
    return settings(job.method_options)
