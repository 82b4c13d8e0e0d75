"""How well lesions are found: per lesion and sextant, and per patient (Sect. 2.4)."""

from typing import NamedTuple

import numpy as np

from mlmi2023.metrics.segmentation import Counts
from mlmi2023.papers.prostate_cancer_ms.lesions import Lesions
from mlmi2023.papers.prostate_cancer_ms.options import Rules

NAN = float("nan")


class Patient(NamedTuple):
    """What measures are made of.

    Attributes:
        truth: true lesions.
        found: those that a method finds.
        ill: (slices, rows, columns) boolean, any cancer, however small.
        sextants: masks of the gland's parts.
        chances: (slices, rows, columns, 2) probability of indolent and of aggressive cancer.
        voxel: mm3.
    """

    truth: Lesions
    found: Lesions
    ill: np.ndarray
    sextants: list[np.ndarray]
    chances: np.ndarray
    voxel: float


def detected(patient: Patient, kind: str, rules: Rules) -> dict[int, bool]:
    """Return of each true lesion of a kind whether one that is found, of that kind, covers enough of it."""
    wanted, found = set(patient.found.numbers(kind)), {}
    for number in patient.truth.numbers(kind):
        inside = patient.found.parts[patient.truth.parts == number]
        counts = np.bincount(inside, minlength=len(patient.found.significant))
        found[number] = any(counts[own] >= rules.overlap * inside.size for own in wanted)
    return found


def negatives(patient: Patient, rules: Rules) -> list[np.ndarray]:
    """Return the sextants with hardly any cancer."""
    return [own for own in patient.sextants if patient.ill[own].mean() < rules.negative]


def alarms(patient: Patient, kind: str, rules: Rules) -> list[bool]:
    """Return of each negative sextant whether more of it than is allowed is called cancer of a kind."""
    mask = patient.found.mask(kind)
    return [bool(mask[own].mean() > rules.alarm) for own in negatives(patient, rules)]


def lesion_counts(patient: Patient, kind: str, rules: Rules) -> Counts:
    """Return lesions that are found and missed, and sextants with and without a false alarm."""
    hits, false = list(detected(patient, kind, rules).values()), alarms(patient, kind, rules)
    return Counts(sum(hits), sum(false), len(hits) - sum(hits), len(false) - sum(false))


def average_precision(patient: Patient, kind: str, rules: Rules) -> float:
    """Return the area under the precision-recall curve of true lesions against negative sextants.

    Each is ranked by a percentile of the probability of the kind's class within it. NaN without a lesion.
    """
    from sklearn.metrics import average_precision_score

    chance = patient.chances.sum(-1) if kind == "cancer" else patient.chances[..., int(kind == "cspca")]
    regions = [patient.truth.parts == number for number in patient.truth.numbers(kind)]
    positive = len(regions)
    if not positive:
        return NAN
    regions += negatives(patient, rules)
    scores = [np.percentile(chance[own].astype(np.float64), rules.percentile) for own in regions]
    return float(average_precision_score(np.arange(len(regions)) < positive, scores))


def lesion_level(patient: Patient, kind: str, rules: Rules) -> dict[str, float]:
    """Return the values of Table 1 of a patient; all but accuracy are NaN without a true lesion of the kind.

    A patient in whom nothing is found has a precision of 0.
    """
    tp, fp, fn, tn = counts = lesion_counts(patient, kind, rules)
    found = {"accuracy": (tp + tn) / sum(counts) if sum(counts) else NAN}
    if not tp + fn:
        return found | dict.fromkeys(("pr_auc", "sensitivity", "precision", "dice"), NAN)
    a, b = patient.found.mask(kind), patient.truth.mask(kind)
    return found | {
        "pr_auc": average_precision(patient, kind, rules),
        "sensitivity": tp / (tp + fn),
        "precision": tp / (tp + fp) if tp + fp else 0.0,
        "dice": 2 * int((a & b).sum()) / int(a.sum() + b.sum()),
    }


def false_volume(patient: Patient, kind: str) -> float:
    """Return the volume of what is called cancer of a kind where there is no cancer, mm3."""
    return float((patient.found.mask(kind) & ~patient.ill).sum()) * patient.voxel


def patient_counts(patient: Patient, rules: Rules) -> Counts | None:
    """Return a patient as one count: with cancer, whether any lesion is found; without, whether any alarm is.

    None for a patient with cancer whose lesions are all too small to count, who is neither.
    """
    hits = list(detected(patient, "cancer", rules).values())
    if hits:
        return Counts(int(any(hits)), 0, int(not any(hits)), 0)
    if patient.ill.any():
        return None
    false = any(alarms(patient, "cancer", rules))
    return Counts(0, int(false), 0, int(not false))
