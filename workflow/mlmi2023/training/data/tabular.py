"""Folds of a table as learners see them: complete, standardised features, labels of training rows alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.find.folds import hold_out
from mlmi2023.cohorts.forms.table.reader import Table
from mlmi2023.core.errors import InputError


@dataclass(frozen=True)
class Fold:
    """One fold of a table.

    Attributes:
        number: 0 to K - 1.
        x: (N, D) standardised features of all subjects, of the test fold too, for transductive methods.
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


def folds(table: Table, task: Mapping[str, Any]) -> Iterator[Fold]:
    """Yield the folds of a task: the same rows for every method, whatever its seed.

    Args:
        table: the cohort.
        task: ``target`` to predict, and ``validation``, the share of training rows that is held out.

    Raises:
        InputError: the cohort has no such target, or a fold keeps nobody of a class to train on.
    """
    target = task["target"]
    labels = table.labels(target)
    for number in range(table.fold_count):
        train, test = table.split(target, number)
        train, val = hold_out(labels, train, float(task.get("validation", 0.0)), number, table.groups)
        lost = np.setdiff1d(labels, labels[train])
        if len(lost):
            name = table.classes[target][lost[0]]
            raise InputError(
                f"cohort '{table.name}': fold {number} has no subject of class {name} to train on; lower "
                "task.validation or the cohort's folds.count"
            )
        known = np.full(len(table), -1)
        known[train] = labels[train]
        yield Fold(number, standardise(table.features, train), known, train, val, test)


def standardise(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Fill gaps with the median and scale to mean 0 and standard deviation 1, both of the training rows.

    Args:
        features: (N, D), NaN where missing.
        train: training rows.

    Returns:
        (N, D) float32. A feature without a value or without spread in the training rows is 0 throughout.
    """
    own = np.asarray(features, dtype=np.float64)
    empty = np.isnan(own[train]).all(axis=0)
    middle = np.zeros(own.shape[1])
    middle[~empty] = np.nanmedian(own[train][:, ~empty], axis=0)
    filled = np.where(np.isnan(own), middle, own)
    mean, spread = filled[train].mean(axis=0), filled[train].std(axis=0)
    flat = empty | (spread <= 1e-9 * np.maximum(1, np.abs(mean)))
    scaled = (filled - mean) / np.where(flat, 1, spread)
    scaled[:, flat] = 0
    return scaled.astype(np.float32)
