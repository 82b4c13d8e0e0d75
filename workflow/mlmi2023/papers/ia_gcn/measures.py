"""Values of the tables, and how well the attention finds the features that truly matter."""

from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.forms.table.reader import Table
from mlmi2023.metrics.classification import (
    auroc,
    bootstrap_interval,
    delong,
    delong_interval,
    measure,
    tidy_rows,
    youden_threshold,
)
from mlmi2023.papers.ia_gcn.inputs import largest

TOP = 4  # the features that Table 2 averages over


def fold_scores(frame: pd.DataFrame, labels: np.ndarray, key: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of one fold's test rows.

    With two classes and held-out rows, the operating point is the one that was best on these; otherwise the
    likeliest class is taken, as in the paper.

    Args:
        frame: rows of ``predictions.csv`` of one setting and fold.
        labels: (N,) classes of the table.
        key: the tidy row without metric and value.
    """
    test, val = frame[frame["part"] == "test"], frame[frame["part"] == "val"]
    probabilities = _probabilities(test)
    threshold = None
    if len(val) and probabilities.shape[1] == 2:
        threshold = youden_threshold(labels[val["row"]], _probabilities(val)[:, 1])
    return tidy_rows(measure(labels[test["row"]], probabilities, threshold), key, percent=True)


def pooled_scores(frame: pd.DataFrame, labels: np.ndarray, key: dict[str, Any]) -> list[dict[str, Any]]:
    """Return AUROC over the test rows of all folds with its 95 % interval, in percent.

    DeLong's with two classes; with more, a bootstrap over subjects of the mean over classes.
    """
    truth, probabilities = labels[frame["row"]], _probabilities(frame)
    if probabilities.shape[1] == 2:
        area, low, high = delong_interval(truth == 1, probabilities[:, 1])
    else:
        area = auroc(truth, probabilities)
        low, high = bootstrap_interval(
            lambda rows: auroc(truth[rows], probabilities[rows]),
            truth,
            frame["row"].to_numpy(),
            resamples=200,
        )
    values = {"auc_all": area, "auc_low": low, "auc_high": high}
    return tidy_rows({name: 100 * value for name, value in values.items()}, key)


def attention_scores(
    table: Table, target: str, setting: str, fold: int, inside: dict[str, np.ndarray], key: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what can be said of a fold's attention, chosen features and learned graph.

    ``avg4`` and ``avgo`` are the mean attention of the four largest and of all other features (Table 2);
    ``mask_r`` is the correlation of attention with |Pearson r| between feature and class number. Where the
    truth is known: ``mask_auc`` and ``mask_p4``, AUROC and precision among the first four, of the attention
    for the features that bear on the target; ``chosen``, the share of these among the features that were
    chosen; ``graph_auc``, see :func:`mlmi2023.papers.ia_gcn.evaluate.predict`.
    """
    values: dict[str, float] = {}
    relevant = table.informative(target)
    if f"attention:{setting}" in inside:
        attention = inside[f"attention:{setting}"][fold]
        top = largest(attention, TOP)
        rest = np.setdiff1d(np.arange(len(attention)), top)
        values["avg4"], values["avgo"] = float(attention[top].mean()), float(attention[rest].mean())
        values["mask_r"] = _correlation(attention, class_correlations(table, target))
        if relevant is not None:
            known = ~np.isnan(relevant)
            values["mask_auc"] = 100 * float(delong(relevant[known] == 1, attention[known][None])[0][0])
            first = np.flatnonzero(known)[largest(attention[known], TOP)]
            values["mask_p4"] = 100 * float(relevant[first].mean())
    if f"columns:{setting}" in inside and relevant is not None:
        values["chosen"] = 100 * float(np.nanmean(relevant[inside[f"columns:{setting}"][fold]]))
    if f"graph:{setting}" in inside:
        values["graph_auc"] = 100 * float(inside[f"graph:{setting}"][fold])
    return tidy_rows(values, key)


def class_correlations(table: Table, target: str) -> np.ndarray:
    """Return |Pearson r| of each feature with the number of the class, (D,), over subjects that have it."""
    labels = table.labels(target).astype(float)
    return np.array([abs(_correlation(column, labels)) for column in np.asarray(table.features, float).T])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    there = np.isfinite(a) & np.isfinite(b)
    if there.sum() < 3 or a[there].std() < 1e-12 or b[there].std() < 1e-12:
        return float("nan")
    return float(np.corrcoef(a[there], b[there])[0, 1])


def _probabilities(frame: pd.DataFrame) -> np.ndarray:
    columns = [c for c in frame.columns if c.startswith("p") and c[1:].isdigit()]
    return frame[columns].to_numpy(float)
