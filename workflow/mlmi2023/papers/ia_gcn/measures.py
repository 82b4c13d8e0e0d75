"""What the tables have beside the scores of folds, and how well attention finds the features that matter."""

from collections.abc import Sequence

import numpy as np

from mlmi2023.cohorts.forms.table.reader import Table
from mlmi2023.metrics.classification import auroc, bootstrap_interval, delong, delong_interval
from mlmi2023.papers.ia_gcn.inputs import largest
from mlmi2023.tasks.classification import Stored

TOP = 4  # the features that Table 2 averages over


def pooled_scores(folds: Sequence[Stored], labels: np.ndarray) -> dict[str, float]:
    """Return AUROC over the test rows of all folds with its 95 % interval, in percent.

    DeLong's with two classes; with more, a bootstrap over subjects of the mean over classes. What is NaN, for
    want of a class, is left out.

    Args:
        folds: all folds of one setting.
        labels: (N,) classes of the table.
    """
    rows = np.concatenate([fold.rows("test") for fold in folds])
    truth, probabilities = labels[rows], np.concatenate([fold.probabilities("test") for fold in folds])
    if probabilities.shape[1] == 2:
        area, low, high = delong_interval(truth == 1, probabilities[:, 1])
    else:
        area = auroc(truth, probabilities)
        low, high = bootstrap_interval(
            lambda drawn: auroc(truth[drawn], probabilities[drawn]), truth, rows, resamples=200
        )
    return _known({"auc_all": 100 * area, "auc_low": 100 * low, "auc_high": 100 * high})


def inside_scores(
    table: Table,
    target: str,
    attention: np.ndarray | None = None,
    columns: np.ndarray | None = None,
    graph: float | None = None,
) -> dict[str, float]:
    """Return what can be said of a fold's attention, chosen features and learned graph.

    ``avg4`` and ``avgo`` are the mean attention of the four largest and of all other features (Table 2);
    ``mask_r`` is the correlation of attention with |Pearson r| between feature and class number. Where the
    truth is known: ``mask_auc`` and ``mask_p4``, AUROC and precision among the first four, of the attention
    for the features that bear on the target; ``chosen``, the share of these among the features that were
    chosen; ``graph_auc``, see :func:`mlmi2023.papers.ia_gcn.evaluate.predict`.
    """
    values: dict[str, float] = {}
    relevant = table.informative(target)
    if attention is not None:
        top = largest(attention, TOP)
        rest = np.setdiff1d(np.arange(len(attention)), top)
        values["avg4"], values["avgo"] = float(attention[top].mean()), float(attention[rest].mean())
        values["mask_r"] = _correlation(attention, class_correlations(table, target))
        if relevant is not None:
            known = ~np.isnan(relevant)
            values["mask_auc"] = 100 * float(delong(relevant[known] == 1, attention[known][None])[0][0])
            first = np.flatnonzero(known)[largest(attention[known], TOP)]
            values["mask_p4"] = 100 * float(relevant[first].mean())
    if columns is not None and relevant is not None:
        values["chosen"] = 100 * float(np.nanmean(relevant[columns]))
    if graph is not None:
        values["graph_auc"] = 100 * float(graph)
    return _known(values)


def class_correlations(table: Table, target: str) -> np.ndarray:
    """Return |Pearson r| of each feature with the number of the class, (D,), over subjects that have it."""
    labels = table.labels(target).astype(float)
    return np.array([abs(_correlation(column, labels)) for column in np.asarray(table.features, float).T])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    there = np.isfinite(a) & np.isfinite(b)
    if there.sum() < 3 or a[there].std() < 1e-12 or b[there].std() < 1e-12:
        return float("nan")
    return float(np.corrcoef(a[there], b[there])[0, 1])


def _known(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not np.isnan(value)}
