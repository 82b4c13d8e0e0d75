"""Who has an embolism, of which type and how severe: the cause that image and record share."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.kit.patients import split_of_each
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.options import TYPES

SPLITS = ("train", "val", "test")
NEGATIVE = ""


@dataclass(frozen=True)
class Exam:
    """One exam before anything is imaged or recorded.

    Attributes:
        idx: number of the exam.
        patient: number of the patient; a few patients have two exams.
        split: that of the patient.
        label: 1 with an embolism.
        type: central, segmental, subsegmental, or empty.
        severity: latent, about 0 for a well patient, 1 to 2 for a large embolism.
        has_ct: False where the scan was lost.
        has_ehr: False where no record could be linked.
    """

    idx: int
    patient: int
    split: str
    label: int
    type: str
    severity: float
    has_ct: bool
    has_ehr: bool


def draw_exams(seed: int, subjects: dict[str, int], options: dict[str, Any]) -> list[Exam]:
    """Draw all exams; both exams of a patient lie in one split and differ in what they show.

    Args:
        seed: of the cohort.
        subjects: patients per split.
        options: complete options.

    Raises:
        InputError: a split has another name, or there is nobody.
    """
    rng = np.random.default_rng([seed, 0])
    shares = np.array([options["types"][name] for name in TYPES], float)
    lost = options["missing"]
    exams: list[Exam] = []
    for patient, split in enumerate(split_of_each(subjects, SPLITS)):
        for _ in range(1 + (rng.random() < options["repeats"])):
            positive = rng.random() < options["prevalence"]
            kind = str(rng.choice(TYPES, p=shares / shares.sum()))
            severity = options["severity"][kind if positive else "negative"]
            severity += options["severity"]["sd"] * rng.standard_normal()
            chance = rng.random()
            exams.append(
                Exam(
                    idx=len(exams),
                    patient=patient,
                    split=split,
                    label=int(positive),
                    type=kind if positive else NEGATIVE,
                    severity=float(severity),
                    has_ct=chance >= lost["ct"],
                    has_ehr=not lost["ct"] <= chance < lost["ct"] + lost["ehr"],
                )
            )
    return exams
