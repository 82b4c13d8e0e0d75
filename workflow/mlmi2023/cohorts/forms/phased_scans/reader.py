"""A packed cohort of the form ``phased_scans``: patients through a breath, all on grids of one size.

It is a packed cohort on one grid (:mod:`mlmi2023.cohorts.forms.volumes.reader`) with a row per scan:
``CT.npy`` (N, X, Y, Z), ``labels.npy`` (N, X, Y, Z), the lungs or their lobes, and ``landmarks.npy``
(N, K, 3) in voxels, NaN where a phase or a patient has none. A cohort with known motion has ``truth.npy``
(P, 3, X, Y, Z) float16, a row per patient. Phases of a patient share one grid; those of two patients lie at
different places.
"""

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError

FORM = "phased_scans"


class Phased(Packed):
    """A packed cohort of breathing patients; what is not said here is as in :class:`Packed`.

    Attributes:
        patients: patient of each row.
        phases: phase of each row.
        inhale: name of the phase of full inhale.
        exhale: name of the phase of full exhale.
        folds: fold of each row; empty without cross-validation.
        everybody: patients, each once, in order.
    """

    def __init__(self, path: Path) -> None:
        """Read ``cohort.json``; see :func:`open_phased`."""
        about = about_packed(path, FORM)
        super().__init__(path)
        rows = about["subjects"]
        self.patients: list[str] = [row["patient"] for row in rows]
        self.phases: list[str] = [row["phase"] for row in rows]
        self.folds: list[int] = [row["fold"] for row in rows if "fold" in row]
        self.inhale: str = about["inhale"]
        self.exhale: str = about["exhale"]
        self.everybody: list[str] = list(dict.fromkeys(self.patients))
        self.has_truth: bool = about["truth"]

    def row(self, patient: str, phase: str) -> int:
        """Return the row of a patient's phase.

        Raises:
            InputError: there is none.
        """
        for row, own in enumerate(zip(self.patients, self.phases)):
            if own == (patient, phase):
                return row
        raise InputError(f"cohort '{self.name}' has no phase {phase} of patient {patient}; check read.phases")

    def truth(self, patient: str) -> np.ndarray | None:
        """Return the known displacement from full inhale (fixed) to full exhale (moving) of a patient.

        Returns:
            (3, X, Y, Z) float16 in voxels, meant inside the lungs; None if the cohort has none.

        Raises:
            InputError: the file is broken.
        """
        if not self.has_truth:
            return None
        array = packed_array(self.path / "truth.npy", (len(self.everybody), 3, *self.shape))
        return np.asarray(array[self.everybody.index(patient)])


def open_phased(path: str | Path) -> Phased:
    """Open a packed cohort of breathing patients.

    Raises:
        InputError: there is none, or it is of another form.
    """
    path = Path(path)
    try:
        return Phased(path)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}/cohort.json: not packed phases ({error!r}); delete the folder and pack again"
        ) from error


def divide_patients(cohort: Phased, fold: int | None = None) -> dict[str, list[str]]:
    """Return the patients that train, validate and are tested, by part.

    Args:
        cohort: the cohort.
        fold: None: as the splits say. Else the patients of this fold are tested, those of the next one
            validate, the others train.

    Raises:
        InputError: there is no such fold, or a part is empty.
    """
    place = dict(zip(cohort.patients, cohort.folds if fold is not None else cohort.splits))
    if fold is None:
        wanted: dict[str, object] = {"train": "train", "val": "val", "test": "test"}
    else:
        count = max(cohort.folds, default=-1) + 1
        if not 0 <= fold < count or count < 3:
            raise InputError(
                f"cohort '{cohort.name}' has {count} folds, fold {fold} is asked for; set the cohort's key "
                "'folds.count' to 3 or more, at most the number of patients"
            )
        wanted = {"val": (fold + 1) % count, "test": fold}
    found = {part: [p for p in cohort.everybody if place[p] == own] for part, own in wanted.items()}
    if fold is not None:
        held = {*found["val"], *found["test"]}
        found["train"] = [p for p in cohort.everybody if p not in held]
    for part in ("train", "val", "test"):
        if not found[part]:
            raise InputError(f"cohort '{cohort.name}': no patient for '{part}'; check its split or folds")
    return {part: found[part] for part in ("train", "val", "test")}


def any_phases(cohort: Phased, patients: Sequence[str]) -> list[tuple[int, int]]:
    """Return (moving, fixed) rows of all ordered pairs of two phases of one patient."""
    found: list[tuple[int, int]] = []
    for patient in patients:
        rows = [row for row, own in enumerate(cohort.patients) if own == patient]
        found += permutations(rows, 2)
    return found


def exhale_to_inhale(cohort: Phased, patients: Sequence[str]) -> list[tuple[int, int]]:
    """Return (moving, fixed) rows of full exhale and full inhale of each patient."""
    return [(cohort.row(p, cohort.exhale), cohort.row(p, cohort.inhale)) for p in patients]
