"""Cohorts of the form ``phased_scans``: CT of patients in several phases of a breath, with landmarks.

They are packed on one grid around the lungs (:mod:`mlmi2023.cohorts.forms.phased_scans.reader`). A made
cohort needs none of the name patterns. Keys of ``read`` (a public dataset's layout may have them too):

``scans``           name pattern with {subject} (the patient) and {phase}, or a list of which the first that
                    fits counts; default ``{subject}/{phase}.nii.gz``
``labels``          the same, of maps of the lungs or lobes; without it lungs are found by their density
``landmarks``       the same, of text files with x, y, z per row, for full inhale and exhale; row k of both is
                    the same landmark
``landmark_index``  number of the first voxel, where landmarks are voxels of the scan (DIR-Lab: 1); without it
                    they are mm (right, front, up), and null says so of mm that are whole numbers
``phases``          names, in order
``inhale``, ``exhale``   two of them; default T00, T50
``split``           a word for all, counts in natural order ({train: 5, val: 1, test: 2}), or lists of
                    patients; default: ``patients.csv``, else ``all``
``offset``          added to intensities to make them Hounsfield units
``raw``             scans without header: ``type`` (int16, uint16, float32), ``byte_order`` (little, big;
                    default little) and ``axes``, towards where they run (``LPI``: left, back, feet)
``volumes``         of those, ``size`` (voxels) and ``spacing`` (mm) by patient
``modality``        name of the image; default CT
``window``          [low, high] in Hounsfield units, which become 0 and 1; the rest is clipped
``spacing``         mm of a voxel to the right, front, up
``shape``           voxels to the right, front, up; the grid's middle is the middle of the lungs

The cohort's key ``folds`` deals patients into ``count`` folds in natural order; as many folds as patients
leave one out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.phased_scans.options import Read
from mlmi2023.core.options import options

MADE = {
    "labels": "{subject}/{phase}_lobes.nii.gz",
    "landmarks": "{subject}/landmarks_{phase}.csv",
    "truth": "{subject}/truth.nii.gz",
}
DEFAULTS = {"scans": "{subject}/{phase}.nii.gz", "inhale": "T00", "exhale": "T50", "modality": "CT"}


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads."""
    from mlmi2023.cohorts.forms.phased_scans.patients import list_patients

    found = list_patients("config of the cohort", config, read_key(config), root)
    return [Path(file) for patient in found for file in patient.files()]


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Bring all phases to the grid around each patient's lungs and pack them, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file cannot be used, or lungs or landmarks do not fit in the grid; the line names file
            or key, and the fix.
    """
    from mlmi2023.cohorts.forms.phased_scans.packing import write_packed
    from mlmi2023.cohorts.forms.phased_scans.patients import list_patients

    where, read = f"config of cohort '{name}'", read_key(config)
    patients = list_patients(where, config, read, Path(root))
    write_packed(where, config, read, patients, Path(root), out, name)


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> dict[str, Any]:
    """Return the cohort's key ``read``, laid on that of its dataset's layout and on the defaults.

    Raises:
        InputError: an unknown key, or one that is needed is missing.
    """
    made = MADE if config.get("kind") == "simulated" else {}
    layout = (config.get("layout") or {}).get("read") or {}
    read: dict[str, Any] = {**DEFAULTS, **made, **layout, **(config.get("read") or {})}
    if isinstance(read.get("phases"), list):
        read["phases"] = [str(phase) for phase in read["phases"]]
    options(Read, read, where, "read")
    return read


def looks(packed: Path) -> Iterator[Any]:
    """Yield every phase of every patient for the search of near-twins."""
    from mlmi2023.cohorts.forms.phased_scans.reader import open_phased
    from mlmi2023.preprocessing.twins import Look

    cohort = open_phased(packed)
    sides = [f"fold {fold}" for fold in cohort.folds] or cohort.splits
    for subject, side, image in zip(cohort.subjects, sides, cohort.images(cohort.modalities[0])):
        yield Look(subject, side, image)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw full inhale and exhale of some patients from the front, their difference, lungs and landmarks."""
    from mlmi2023.cohorts.forms.phased_scans.picture import draw

    draw(packed, png)
