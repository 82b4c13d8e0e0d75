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

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.forms.exams.reader import Exams, open_exams
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.pecon.fusion import LAMBDAS, Operating, choose, fuse
from mlmi2023.papers.pecon.outcome import Outcome
from mlmi2023.tasks import classification
from mlmi2023.tasks.classification import Answer, case_by_case, pair, read_answers, rounded
from mlmi2023.tasks.runs import Value, kind_of

KINDS = ("learned", "pretrained", "elasticnet", "late_fusion", "branch", "prevalence", "truth")
SETTINGS: dict[str, tuple[str, ...]] = {"with-subsegmental": (), "without-subsegmental": ("subsegmental",)}
DIGITS = 9  # of probabilities


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write probabilities of all validation and test exams, and what was chosen on the former, into ``out``.

    See :func:`mlmi2023.tasks.classification.predict`. Beside the fused probability stand those of each
    modality, ``ct`` and ``ehr``, empty where it is missing, and ``pointing``; ``about.json`` has lambda and
    its sweep, and the options of a backbone. A backbone adds ``features.npz``, a method with branches
    ``embeddings.npz``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, exams = kind_of(job, KINDS), open_exams(job.data)
    if kind in ("learned", "pretrained"):
        from mlmi2023.papers.pecon.inference import run_network

        found = run_network(job, weights, exams)
    else:
        found = _without_network(job, kind, exams)
    val, prior = exams.rows("val"), _prior(exams)
    chosen = _chosen(job, found, exams)
    if kind == "truth":
        p = classification.truth(exams.labels, 2)[:, 1]
    else:
        p = rounded(fuse(found.ct, found.ehr, chosen.weight, prior), DIGITS)
    columns = {"ct": rounded(found.ct, DIGITS), "ehr": rounded(found.ehr, DIGITS), "pointing": found.pointing}
    about = {"lambda": None if _alone(found, exams) else chosen.weight, "sweep": chosen.sweep, **found.about}
    answer = Answer(pair(p), exams.rows("test"), val, columns=columns)
    classification.predict(job, [answer], out, exams.cases, found.files, about)


def _without_network(job: Job, kind: str, exams: Exams) -> Outcome:
    """Return probabilities from the scan and from the record of methods that train no network."""
    options, nothing = job.method_options, Outcome.empty(exams)
    if kind == "elasticnet":
        from mlmi2023.papers.pecon.elasticnet import elasticnet

        return nothing._replace(ehr=elasticnet(exams, options))
    if kind == "late_fusion":
        ct, ehr = (_column(job, options[name], exams, name) for name in ("ct", "ehr"))
        return nothing._replace(ct=ct, ehr=ehr)
    if kind == "branch":
        chosen = _column(job, options["of"], exams, options["branch"])
        return nothing._replace(ct=chosen) if options["branch"] == "ct" else nothing._replace(ehr=chosen)
    return nothing


def _column(job: Job, method: str, exams: Exams, column: str) -> np.ndarray:
    """Return a column of a used method's probabilities, (N,)."""
    if method not in job.used:
        raise InputError(f"config key methods.{job.method}: '{method}' is missing under 'uses'; add it there")
    [stored] = read_answers(job.used[method].predictions, exams.cases)
    return stored.table.set_index("row")[column].reindex(range(len(exams))).to_numpy(float)


def _prior(exams: Exams) -> float:
    return float(classification.prevalence(exams.labels, exams.rows("train"), 2)[0, 1])


def _alone(found: Outcome, exams: Exams) -> bool:
    """Whether one modality at most says anything of the validation exams."""
    val = exams.rows("val")
    return not np.isfinite(found.ct[val]).any() or not np.isfinite(found.ehr[val]).any()


def _chosen(job: Job, found: Outcome, exams: Exams) -> Operating:
    """Choose lambda on validation exams."""
    val, wanted = exams.rows("val"), job.method_options.get("lambda", "validation")
    weights = LAMBDAS if wanted == "validation" else (float(wanted),)
    if _alone(found, exams):
        weights = (0.5,)
    return choose(exams.labels[val], found.ct[val], found.ehr[val], _prior(exams), weights)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the scores of a method on the test exams, each with and without sub-segmental cases.

    See :func:`mlmi2023.tasks.classification.case_by_case`. ``pointing`` is 1 for each positive scan whose
    heat map points at a defect.
    """
    exams = open_exams(job.data)
    subsets = {name: ~np.isin(exams.types, without) for name, without in SETTINGS.items()}
    measured = partial(classification.score, measures=case_by_case, subsets=subsets, cases=exams.cases)
    yield from measured(job, predictions, exams.labels)
    [stored] = read_answers(predictions)
    for case, hit in (
        stored.of("test").dropna(subset="pointing")[["case", "pointing"]].itertuples(index=False)
    ):
        yield Value("pointing", hit, case, setting="with-subsegmental")
