"""RadFusion's model of the record: logistic regression with an elastic net (Zhou et al. 2021)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlmi2023.classical.classifiers import elastic_net
from mlmi2023.cohorts.forms.exams.reader import Exams
from mlmi2023.metrics import contributions
from mlmi2023.papers.pecon.health_record import fit_preparation


def elasticnet(exams: Exams, options: Mapping[str, Any]) -> np.ndarray:
    """Return the probability of an embolism from the record, (N,), NaN without one.

    All columns go in, scaled to [0, 1]; the net itself leaves columns out. Its strength is chosen among
    ``options.strengths`` by the AUROC on validation exams.

    Args:
        exams: the cohort.
        options: ``l1_ratio`` and ``strengths`` (inverse regularisation).
    """
    record = fit_preparation(exams, {}, select=False).apply(exams.record)
    train, val = (rows[exams.has_ehr[rows]] for rows in (exams.rows("train"), exams.rows("val")))
    best, chosen = -1.0, np.full(len(exams), np.nan)
    for strength in options["strengths"]:
        probability = elastic_net(
            record[train], exams.labels[train], record, float(strength), float(options["l1_ratio"])
        )
        area = float(contributions.auroc(exams.labels[val], probability[val]).mean())
        if area > best:
            best, chosen = area, probability
    return np.where(exams.has_ehr, chosen, np.nan)
