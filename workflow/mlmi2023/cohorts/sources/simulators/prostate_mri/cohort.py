"""All patients of a cohort, in parallel processes, and their files."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.prostate_mri.gland import build
from mlmi2023.cohorts.sources.simulators.prostate_mri.lesions import draw_lesions
from mlmi2023.cohorts.sources.simulators.prostate_mri.options import REFERENCE, read_options
from mlmi2023.cohorts.sources.simulators.prostate_mri.scanner import at, geometry, paint, sample, scan
from mlmi2023.cohorts.sources.simulators.prostate_mri.tissues import draw_means

#: label of a gland without cancer in the maps ``cancer``; indolent and aggressive follow
GLAND = 1


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, a folder for each scanner and in it one for each kind of file.

    ``<scanner>/<image>/<subject>.nii.gz`` for each image of the option ``make``; label maps ``zones`` (1 to
    4, :data:`.tissues.ZONES`), ``gland`` (0 and 1, without the urethra below it), ``lesions`` (0, 1 indolent,
    2 aggressive) and ``cancer`` (the last two in one: 1 gland, 2 indolent, 3 aggressive). ``patients.csv``
    and ``lesions.csv`` say who has what where.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.prostate_mri.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range, or a split has no scanner.
    """
    options = read_options(config)
    patients = plan(config)
    roles = cast(patients, options)
    made = run(config, out, threads, partial(make_patient, roles=roles, options=options, out=out), patients)
    about = [(p.name, p.split, roles[p.name][0], str(roles[p.name][1]).lower()) for p in patients]
    write_table(out / "patients.csv", ("subject", "split", "scanner", "cancer"), about)
    lesions = [(p.name, *row.values()) for p, rows in zip(patients, made) for row in rows]
    write_table(out / "lesions.csv", ("subject", "kind", "ml", "sextant"), lesions)
    write_about(out, config, options)


def cast(patients: list[Patient], options: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Return scanner and whether there is cancer of each patient: in turn, in shares as asked."""
    found: dict[str, tuple[str, bool]] = {}
    share = options["cancer"]["share"]
    for split in dict.fromkeys(patient.split for patient in patients):
        own = [patient for patient in patients if patient.split == split]
        serving = [name for name, s in options["scanners"].items() if not s["splits"] or split in s["splits"]]
        for number, (patient, scanner) in enumerate(zip(own, itertools.cycle(serving)), 1):
            found[patient.name] = (scanner, int(number * share + 0.5) > int((number - 1) * share + 0.5))
    return found


def make_patient(
    patient: Patient, roles: dict[str, tuple[str, bool]], options: dict[str, Any], out: Path
) -> list[dict[str, str]]:
    """Build, scan and write one patient; return what ``lesions.csv`` says of each lesion."""
    scanner, cancer = roles[patient.name]
    machine, root = options["scanners"][scanner], out / scanner
    gland = build(patient.random(0), options)
    lesions = draw_lesions(patient.random(1), gland, cancer, options)
    means = draw_means(patient.random(2), options["spread"])
    seen = paint(patient.random(3), gland, lesions, means, options["texture"])
    shape, axial = geometry(options["images"][REFERENCE], machine, options["field"])
    for name in options["make"]:
        number = list(options["images"]).index(name)
        contrast = options["images"][name]["contrast"]
        image, affine = scan(patient.random(10 + number), name, seen[contrast], gland.step, machine, options)
        if options["grids"] == "axial" and name != REFERENCE:
            moved = sample(image.astype(np.float32), at(shape, axial), np.diag(affine)[:3])
            image, affine = np.round(moved).astype(np.int16), axial
        write_volume(root / name / f"{patient.name}.nii.gz", image, affine)
    inside = gland.inside()
    maps = {
        "zones": gland.zones,
        "gland": inside.astype(np.uint8),
        "lesions": lesions.labels,
        "cancer": np.where(lesions.labels > 0, lesions.labels + GLAND, GLAND * inside).astype(np.uint8),
    }
    fine = np.diag([gland.step] * 3 + [1.0])
    fine[:3, 3] = -gland.step * (np.array(gland.zones.shape) - 1) / 2
    for name, labels in maps.items():
        if options["truth"] == "axial":
            labels, place = sample(labels, at(shape, axial), gland.step, order=0), axial
        else:
            place = fine
        write_volume(root / name / f"{patient.name}.nii.gz", labels, place)
    return lesions.about
