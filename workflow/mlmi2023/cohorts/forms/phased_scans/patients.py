"""List the scans of a cohort of the form ``phased_scans``; standard library only."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.groups import groups_of, keep_together
from mlmi2023.cohorts.find.patterns import find_each, natural
from mlmi2023.cohorts.find.splits import read_table
from mlmi2023.cohorts.forms.scans.listing import split_scans
from mlmi2023.core.errors import InputError


@dataclass(frozen=True)
class Patient:
    """The files of one patient.

    Attributes:
        patient: id.
        split: that of all scans of the patient.
        scans: file of each phase.
        labels: map of the lungs of each phase; empty where they are to be found in the scans.
        landmarks: file of each phase that has landmarks; empty if the patient has none.
        truth: file of the known way from full inhale to full exhale, or empty.
        group: who is on one side with others of the same (:mod:`mlmi2023.cohorts.find.groups`).
    """

    patient: str
    split: str
    scans: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    landmarks: dict[str, str] = field(default_factory=dict)
    truth: str = ""
    group: str = ""

    def files(self) -> list[str]:
        """Return all files."""
        own = [*self.scans.values(), *self.labels.values(), *self.landmarks.values()]
        return own + ([self.truth] if self.truth else [])


def list_patients(where: str, config: dict[str, Any], read: dict[str, Any], root: Path) -> list[Patient]:
    """Return the patients of a cohort in natural order.

    Args:
        where: how messages name the configuration.
        config: the cohort's configuration.
        read: its key ``read``, complete.
        root: its raw root.

    Raises:
        InputError: nobody is found, or a patient lacks a phase, a label map or landmarks.
    """
    phases, ends = read["phases"], (read["inhale"], read["exhale"])
    for end in ends:
        if end not in phases:
            raise InputError(f"{where}: '{end}' is not among read.phases ({', '.join(phases)}); add it")
    scans = {phase: _found(where, root, read["scans"], phase) for phase in phases}
    everybody = sorted({patient for own in scans.values() for patient in own}, key=natural)
    if not everybody:
        from mlmi2023.cohorts.forms import _how_to_get

        pattern = _list(read["scans"])[0]
        raise InputError(f"{where}: no file in {root} is named like '{pattern}'; {_how_to_get(config)}")
    labels = {p: _found(where, root, read["labels"], p) for p in phases} if read.get("labels") else {}
    landmarks = {e: _found(where, root, read["landmarks"], e) for e in ends} if read.get("landmarks") else {}
    truth = _found(where, root, read["truth"], read["inhale"]) if read.get("truth") else {}
    groups = groups_of(where, config, root, everybody)
    splits = _splits(where, read, root, everybody, groups)
    keep_together(where, splits, groups)
    found = []
    for patient, split in splits.items():
        own = Patient(
            patient,
            split,
            {phase: _file(where, f"scan of phase {phase}", patient, scans[phase]) for phase in phases},
            {p: _file(where, f"label map of phase {p}", patient, files) for p, files in labels.items()},
            {p: _file(where, f"landmarks of phase {p}", patient, files) for p, files in landmarks.items()},
            truth.get(patient, ""),
            groups.get(patient, patient),
        )
        found.append(own)
    return found


def _splits(
    where: str, read: dict[str, Any], root: Path, everybody: list[str], groups: dict[str, str]
) -> dict[str, str]:
    table = root / "patients.csv"
    if "split" not in read and table.is_file():
        return {row["patient"]: row["split"] for row in read_table(table, where)}
    return split_scans(f"{where}: read", read.get("split", "all"), everybody, groups)


def _found(where: str, root: Path, patterns: str | Sequence[str], phase: str) -> dict[str, str]:
    """Return the file of each patient; the first pattern that fits counts."""
    found: dict[str, str] = {}
    for pattern in reversed(_list(patterns)):
        files = find_each(where, root, pattern.replace("{phase}", phase))
        found |= {patient: os.path.abspath(path) for patient, path in files.items()}
    return found


def _list(patterns: str | Sequence[str]) -> list[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns)


def _file(where: str, what: str, patient: str, files: dict[str, str]) -> str:
    if patient not in files:
        raise InputError(
            f"{where}: patient {patient} has no {what}; add the file, or name the patients to use under "
            "read.split"
        )
    return files[patient]
