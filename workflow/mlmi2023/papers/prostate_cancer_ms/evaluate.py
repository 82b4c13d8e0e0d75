"""Lesions that are found in the tested patients, and their scores (Tables 1 and 2)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import Counts, pooled_contributions
from mlmi2023.papers.prostate_cancer_ms.cases import Glands
from mlmi2023.papers.prostate_cancer_ms.lesions import KINDS, Lesions, settled
from mlmi2023.papers.prostate_cancer_ms.measures import Patient, false_volume, lesion_level, patient_counts
from mlmi2023.papers.prostate_cancer_ms.options import Thresholds
from mlmi2023.papers.prostate_cancer_ms.sextants import sextants
from mlmi2023.papers.prostate_cancer_ms.train import build
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Pair

#: rates over all patients: by the name in Table 2, the rate of :mod:`mlmi2023.metrics.segmentation`
POOLED = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "dice",
    "accuracy": "accuracy",
}


def decided(chances: np.ndarray, rule: str | Thresholds) -> np.ndarray:
    """Return labels (slices, rows, columns) of probabilities (slices, 3, rows, columns), uint8."""
    if isinstance(rule, str):
        return chances.argmax(1).astype(np.uint8)
    found = np.where(chances[:, 1] >= rule.indolent, 1, 0)
    found = np.where(chances[:, 2] >= rule.aggressive, 2, found)
    return np.where(chances[:, 0] >= rule.normal, 0, found).astype(np.uint8)


def kept(cases: segmentation.Cases, row: int, answer: Tensor) -> dict[str, np.ndarray]:
    """Return lesions (slices, rows, columns), and the probabilities of both kinds (..., 2), float16."""
    assert isinstance(cases, Glands)
    chances, rules = answer.numpy(), cases.task.rules
    found = decided(chances, cases.task.decide)
    labels = settled(found, cases.gland(row), cases.spacing(row), rules.closing, rules.least)
    return {"labels": labels, "chances": np.moveaxis(chances[:, 1:], 1, -1).astype(np.float16)}


def true_lesions(cases: segmentation.Cases, rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the ceiling: true labels, treated as those that are found."""
    assert isinstance(cases, Glands)
    rules = cases.task.rules
    for row in rows:
        yield settled(cases.truth(row), cases.gland(row), cases.spacing(row), rules.closing, rules.least)


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the lesions of the tested patients into ``out``; with a network, the probabilities behind them.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    controls = {"background": segmentation.CONTROLS["background"], "truth": true_lesions}
    segmentation.predict(Glands(job), weights, out, build, controls, settle=_as_is, keep=kept)


def _as_is(chances: Tensor) -> Tensor:
    """Probabilities stay: what networks answer here is no logit."""
    return chances.float()


def certain(found: Lesions) -> np.ndarray:
    """Return the probabilities (slices, rows, columns, 2) of who is sure of each lesion's kind, in all of it.

    So do controls: by voxels, a significant lesion that is aggressive in less than a tenth would rank last by
    its 90th percentile, and the truth below networks.
    """
    return np.stack([found.mask(kind) for kind in ("indolent", "cspca")], -1).astype(np.float16)


def patient(cases: Glands, pair: Pair) -> Patient:
    """Return what measures are made of, for a tested patient."""
    rules, gland = cases.task.rules, cases.gland(pair.row)
    truth = settled(pair.truth, gland, cases.spacing(pair.row), rules.closing, rules.least_truth)
    found, chances = Lesions.of(pair.found, rules), pair.kept.get("chances")
    if chances is None:
        chances = certain(found)
    return Patient(
        Lesions.of(truth, rules),
        found,
        pair.truth > 0,
        sextants(gland),
        chances,
        float(np.prod(cases.spacing(pair.row))),
    )


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method.

    Settings ``cspca`` and ``indolent``, per patient: Table 1 and ``fp_volume`` in mm3. Setting ``cancer``:
    the rates of Table 2, of which a patient's number is the contribution.
    """
    cases = Glands(job)
    rules, whole = cases.task.rules, dict[str, Counts]()
    for pair in segmentation.pairs(predictions, cases):
        own = patient(cases, pair)
        for kind in KINDS[:2]:
            for metric, value in lesion_level(own, kind, rules).items():
                yield Value(metric, value, pair.case, setting=kind)
            yield Value("fp_volume", false_volume(own, kind), pair.case, setting=kind)
        counts = patient_counts(own, rules)
        if counts is not None:
            whole[pair.case] = counts
    yield from patient_level(whole)


def patient_level(counts: dict[str, Counts]) -> Iterator[Value]:
    """Yield the rates of Table 2 over patients, under the setting ``cancer``."""
    shares = pooled_contributions(counts.values())
    turned = pooled_contributions([Counts(c.tn, c.fn, c.fp, c.tp) for c in counts.values()])
    for number, case in enumerate(counts):
        for metric, rate in POOLED.items():
            yield Value(metric, float(shares[rate][number]), case, setting="cancer")
        yield Value("npv", float(turned["precision"][number]), case, setting="cancer")
