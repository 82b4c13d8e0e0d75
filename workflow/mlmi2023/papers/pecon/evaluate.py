"""Prediction and scores of every row of Tables 1 to 3.

A method's ``kind`` is

``learned``       with ``model: penet`` the backbone, which leaves features for others, with ``branches``
                  PECon and all that differs from it in its losses or data;
``pretrained``    the backbone with its authors' weights;
``elasticnet``    logistic regression with an elastic net on the record;
``late_fusion``   the mean of two methods' probabilities;
``branch``        one branch of a fused method;
``prevalence``    the floor: the same probability for everyone;
``truth``         the ceiling.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.forms.exams.reader import Exams, open_exams
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.metrics import contributions
from mlmi2023.metrics.classification import measure
from mlmi2023.papers.pecon.fusion import LAMBDAS, choose, fuse

KINDS = ("learned", "pretrained", "elasticnet", "late_fusion", "branch", "prevalence", "truth")
SETTINGS: dict[str, tuple[str, ...]] = {"with-subsegmental": (), "without-subsegmental": ("subsegmental",)}
TABLE, OPERATING, POINTING = "probabilities.csv", "operating.json", "pointing.csv"


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write probabilities of all validation and test exams, and what was chosen on the former, into ``out``.

    ``probabilities.csv`` has case, split, ct, ehr (of each modality, empty where missing) and p (fused);
    ``operating.json`` the threshold, lambda and its sweep. A backbone adds ``features.npz``, a method with
    branches ``embeddings.npz``, a method with ``explain`` the outcome of the pointing game.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    exams = open_exams(job.data)
    kind = job.method_options.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")
    if kind == "learned" and weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    with atomic(out) as part:
        part.mkdir()
        if kind in ("learned", "pretrained"):
            from mlmi2023.papers.pecon.inference import run_network

            ct, ehr = run_network(job, weights, exams, part)
        else:
            ct, ehr = _without_network(job, exams)
        _decide(job, exams, ct, ehr, part)


def _without_network(job: Job, exams: Exams) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (N,) from the scan and from the record, NaN where there is none."""
    kind, options = job.method_options["kind"], job.method_options
    nothing = np.full(len(exams), np.nan)
    if kind == "elasticnet":
        from mlmi2023.papers.pecon.elasticnet import elasticnet

        return nothing, elasticnet(exams, options)
    if kind == "late_fusion":
        return _column(job, options["ct"], exams, "ct"), _column(job, options["ehr"], exams, "ehr")
    if kind == "branch":
        chosen = _column(job, options["of"], exams, options["branch"])
        return (chosen, nothing) if options["branch"] == "ct" else (nothing, chosen)
    if kind == "truth":
        return exams.labels.astype(float), exams.labels.astype(float)
    return nothing, nothing


def _column(job: Job, method: str, exams: Exams, column: str) -> np.ndarray:
    """Return a column of a used method's probabilities, (N,)."""
    if method not in job.used:
        raise InputError(f"config key methods.{job.method}: '{method}' is missing under 'uses'; add it there")
    table = read_probabilities(job.used[method].predictions).set_index("case")[column]
    return table.reindex(exams.cases).to_numpy(float)


def _decide(job: Job, exams: Exams, ct: np.ndarray, ehr: np.ndarray, out: Path) -> None:
    """Choose lambda and threshold on validation exams and write the tables."""
    val, rows = exams.rows("val"), exams.rows("val", "test")
    prior = float(exams.labels[exams.rows("train")].mean())
    wanted = job.method_options.get("lambda", "validation")
    alone = not np.isfinite(ct[val]).any() or not np.isfinite(ehr[val]).any()
    weights = (0.5,) if alone else LAMBDAS if wanted == "validation" else (float(wanted),)
    found = choose(exams.labels[val], ct[val], ehr[val], prior, weights)
    table = pd.DataFrame(
        {
            "case": [exams.cases[row] for row in rows],
            "split": [exams.splits[row] for row in rows],
            "ct": ct[rows],
            "ehr": ehr[rows],
            "p": fuse(ct[rows], ehr[rows], found.weight, prior),
        }
    )
    table.to_csv(out / TABLE, index=False, lineterminator="\n", float_format="%.9g")
    write_json(
        out / OPERATING,
        {"threshold": found.threshold, "lambda": None if alone else found.weight, "sweep": found.sweep},
    )


def read_probabilities(folder: Path) -> pd.DataFrame:
    """Return the table that :func:`predict` wrote.

    Raises:
        InputError: it is missing, broken, or holds something else than probabilities.
    """
    file = Path(folder) / TABLE
    try:
        table = pd.read_csv(file, dtype={"case": str, "split": str})
        fine = bool(table["p"].between(0, 1).all()) and {"case", "split", "ct", "ehr"} <= set(table)
    except (OSError, KeyError, ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete {folder} and predict again") from error
    if not fine:
        raise InputError(f"{file}: a value is no probability; the training diverged, lower its learning rate")
    return table


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Return the tidy rows of a method on the test exams.

    ``acc``, ``f1`` (of embolism) and ``auroc`` have one value per case, whose mean is the score (see
    :mod:`mlmi2023.metrics.contributions`); ``auprc``, ``sens``, ``spec``, ``brier`` and ``ece`` one per run.
    Each comes with and without sub-segmental cases. ``pointing`` is 1 for each positive scan whose heat map
    points at a defect.
    """
    exams = open_exams(job.data)
    place = {case: row for row, case in enumerate(exams.cases)}
    table = read_probabilities(predictions)
    table = table[table["split"] == "test"]
    if table.empty:
        raise InputError(f"cohort '{exams.name}' has no test exams; give its split 'test' some")
    threshold = float(read_json(Path(predictions) / OPERATING)["threshold"])
    rows: list[dict[str, Any]] = []

    def add(setting: str, case: str, metric: str, value: float) -> None:
        same = {"dataset": job.dataset, "method": job.method, "seed": job.seed, "fold": job.fold, "label": ""}
        rows.append({**same, "setting": setting, "case": case, "metric": metric, "value": value})

    for setting, without in SETTINGS.items():
        kept = np.array([exams.types[place[case]] not in without for case in table["case"]])
        cases, p = table["case"].to_numpy()[kept], table["p"].to_numpy(float)[kept]
        labels = exams.labels[[place[case] for case in cases]]
        found = (p >= threshold).astype(int)
        per_case = {
            "acc": contributions.accuracy(labels, found),
            "f1": contributions.f1(labels, found),
            "auroc": contributions.auroc(labels, p),
        }
        for metric, values in per_case.items():
            for case, value in zip(cases, values):
                add(setting, case, metric, float(value))
        whole = measure(labels, np.stack([1 - p, p], axis=1), threshold)
        for metric in ("auprc", "sens", "spec", "brier", "ece"):
            add(setting, "", metric, whole[metric])
    pointing = Path(predictions) / POINTING
    if pointing.exists():
        for case, hit in pd.read_csv(pointing, dtype={"case": str}).itertuples(index=False):
            add("with-subsegmental", case, "pointing", float(hit))
    return rows
