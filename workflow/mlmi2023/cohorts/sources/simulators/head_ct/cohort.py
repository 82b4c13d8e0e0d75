"""All patients of a cohort, in parallel processes, and their files."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.head_ct.anatomy import build
from mlmi2023.cohorts.sources.simulators.head_ct.bleeds import add_bleeds
from mlmi2023.cohorts.sources.simulators.head_ct.mimics import add_mimics
from mlmi2023.cohorts.sources.simulators.head_ct.options import BLEEDS, read_options
from mlmi2023.cohorts.sources.simulators.head_ct.scanner import scan
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_scans, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient
from mlmi2023.cohorts.sources.simulators.kit.work import run

#: draws until a patient who bleeds has a labelled voxel: coarse voxels may hold less than half of a thin
# bleed
TRIES = 10


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the raw layout of :mod:`mlmi2023.cohorts.forms.scans.form`.

    ``truth.csv`` beside it says of each scan which bleeds and look-alikes it has, those of pools without
    labels too; no form reads it. ``slices.csv`` has the classes of each slice, as slice labels of public data
    do, but for scans without labels.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.head_ct.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    made = run(config, out, threads, partial(make_patient, options=options, out=out))
    write_scans(out, [row for row, _, _ in made], BLEEDS)
    write_table(out / "truth.csv", list(made[0][1]), [list(truth.values()) for _, truth, _ in made])
    slices = [line for row, _, own in made if row["split"] != "unlabelled" for line in own]
    write_table(out / "slices.csv", ["subject", "slice", *BLEEDS.values()], slices)
    write_about(out, config, options)


def make_patient(
    patient: Patient, options: dict[str, Any], out: Path
) -> tuple[dict[str, str], dict[str, str], list[list[Any]]]:
    """Build, scan and write one patient; return its rows of scans.csv, truth.csv and slices.csv."""
    image, labels, affine, mimics = make_scan(patient, options)
    files = {"image": f"images/{patient.name}.nii.gz", "labels": f"labels/{patient.name}.nii.gz"}
    write_volume(out / files["image"], image, affine)
    write_volume(out / files["labels"], labels, affine)
    row = {
        "subject": patient.name,
        "split": patient.split,
        "site": options["scanner"][patient.split],
        **files,
    }
    there = {name: str(int((labels == number).sum())) for number, name in BLEEDS.items()}
    truth = {"subject": patient.name, "split": patient.split, **there, "mimics": " ".join(mimics)}
    slices = [
        [patient.name, z, *(int((labels[..., z] == number).any()) for number in BLEEDS)]
        for z in range(labels.shape[2])
    ]
    return row, truth, slices


def make_scan(
    patient: Patient, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Return image, labels, affine and look-alikes of a patient."""
    rng = patient.random(0)
    bleeds = rng.random() < options["bleeding"][patient.split]
    scanner = options["scanner"][patient.split]
    for attempt in range(TRIES):
        own = patient.random(1, attempt)
        head = build(own, options)
        labels = np.zeros(head.space.shape, np.uint8)
        if bleeds:
            labels = add_bleeds(own, head, options)
        chance = options["mimics"]["bleed" if bleeds else "no_bleed"]
        mimics = add_mimics(own, head, labels, chance, options["mimics"])
        image, seen, affine = scan(head, labels, own, scanner, options)
        if seen.any() or not bleeds:
            break
    return image, seen, affine, mimics
