"""Preparation of the health record: imputation, selection, scaling to [0, 1]; all fitted on training rows.

Sect. 3.1: the record is normalised to [0, 1]. Missing values and the choice of columns are not described;
see the deviations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.exams.reader import Exams
from mlmi2023.core.errors import InputError


@dataclass(frozen=True)
class Preparation:
    """What was learnt from the training rows.

    Attributes:
        median: (D,) for missing values; 0 where a column is empty in training.
        low: (D,) smallest training value.
        span: (D,) range of the training values; 1 where it is 0.
        chosen: (D,) bool, columns that are kept.
    """

    median: np.ndarray
    low: np.ndarray
    span: np.ndarray
    chosen: np.ndarray

    def apply(self, record: np.ndarray) -> np.ndarray:
        """Return (N, chosen) float32 in [0, 1]; values beyond the training range are clipped."""
        scaled = np.clip((self.filled(record) - self.low) / self.span, 0, 1)
        return scaled[:, self.chosen].astype(np.float32)

    def filled(self, record: np.ndarray) -> np.ndarray:
        """Return (N, D) with the median where a value is missing."""
        return np.where(np.isfinite(record), record, self.median)


def fit_preparation(exams: Exams, task: Mapping[str, Any], select: bool = True) -> Preparation:
    """Fit on the training exams that have a record.

    Args:
        exams: all exams; rows of other splits are not looked at.
        task: ``selection`` with ``c``, the inverse strength of the L1 penalty of the linear support vector
            machine that picks columns, each in its own unit, or None to keep all.
        select: False keeps all columns whatever ``task`` says.

    Raises:
        InputError: no training exam has a record, or no column is left.
    """
    rows = exams.rows("train")
    rows = rows[exams.has_ehr[rows]]
    if not len(rows):
        raise InputError(f"cohort '{exams.name}': no training exam has a record; check its tables")
    record, labels = exams.record[rows], exams.labels[rows]
    known = np.isfinite(record).any(axis=0)
    median, low, high = np.zeros((3, record.shape[1]))
    median[known] = np.nanmedian(record[:, known], axis=0)
    low[known], high[known] = np.nanmin(record[:, known], axis=0), np.nanmax(record[:, known], axis=0)
    span = np.where(high > low, high - low, 1.0)
    # a column that never varies in training says nothing, and would be 0 / 0
    varies = high > low
    everything = Preparation(median, low, span, varies)
    selection = task.get("selection") if select else None
    if not selection:
        return everything
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=float(selection["c"]), penalty="l1", dual=False, random_state=0, max_iter=5000)
    # before the scaling, as in the release: a column with large numbers costs less of the penalty
    machine.fit(everything.filled(record)[:, varies], labels)
    chosen = varies.copy()
    chosen[varies] = np.abs(machine.coef_[0]) > 1e-5
    if not chosen.any():
        raise InputError(
            "config key task.selection.c is so small that no column of the record is left; raise it"
        )
    return Preparation(median, low, span, chosen)
