"""All patients of a cohort, in parallel processes, and the files that they become.

``patients.csv`` has patient and split, ``labels.csv`` the lobes. A patient's folder has ``<phase>.nii.gz``,
``<phase>_lobes.nii.gz``, ``landmarks_<phase>.csv`` (x, y, z in mm) of full inhale and exhale, and
``truth.nii.gz``, the way in mm from each voxel at full inhale to the same tissue at full exhale.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.raw import plan_subjects, workers
from mlmi2023.cohorts.sources.simulators.breathing_lungs.geometry import LOBES, draw_chest
from mlmi2023.cohorts.sources.simulators.breathing_lungs.landmarks import find_landmarks
from mlmi2023.cohorts.sources.simulators.breathing_lungs.motion import Breath, draw_breath
from mlmi2023.cohorts.sources.simulators.breathing_lungs.options import INHALE, phase_name, read_options
from mlmi2023.cohorts.sources.simulators.breathing_lungs.scanner import lobes, make_grid, scan, to_exhale
from mlmi2023.cohorts.sources.simulators.breathing_lungs.texture import paint_body, paint_lungs
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import write_json


def simulate_cohort(
    config: dict[str, Any], out: Path, threads: int, progress: Callable[[int, int, str], None] | None
) -> None:
    """See :func:`mlmi2023.cohorts.sources.simulators.breathing_lungs.simulate`."""
    options = read_options(config)
    patients = [(str(number), split) for number, (_, split) in enumerate(plan_subjects(config), 1)]
    for patient in options["special"]:
        if patient not in dict(patients):
            raise InputError(f"options.special: there is no patient '{patient}'; known: 1 to {len(patients)}")
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(patient, int(config["seed"]), options, out) for patient, _ in patients]
    for number, patient in enumerate(workers(_make, jobs, threads), 1):
        (progress or _say)(number, len(jobs), patient)
    _table(out / "patients.csv", ("patient", "split"), patients)
    _table(out / "labels.csv", ("index", "name"), LOBES.items())
    write_json(out / "cohort.json", {"config": {**config, "options": options}, "seed": config["seed"]})


def patient_breath(patient: str, seed: int, options: dict[str, Any]) -> Breath:
    """Return how a patient breathes; ``options`` complete."""
    rng = np.random.default_rng([seed, int(patient), 0])
    motion = options["special"].get(patient, options["motion"])
    return draw_breath(rng, draw_chest(rng, options["size"]), motion)


def _make(job: tuple[str, int, dict[str, Any], Path]) -> str:
    """Scan and write one patient."""
    patient, seed, options, out = job
    breath = patient_breath(patient, seed, options)
    rng = np.random.default_rng([seed, int(patient), 1])
    grid, folder = make_grid(options), out / patient
    step = grid.spacing / options["fine"]
    shape = [n * options["fine"] for n in grid.shape]
    lungs, trees = paint_lungs(rng, breath.chest, shape, step, options)
    body = paint_body(rng, breath.chest, shape, step, 12.0)
    for percent in options["phases"]:
        name = phase_name(percent)
        volume = scan(rng, breath, percent, grid, lungs, body, options)
        write_volume(folder / f"{name}.nii.gz", volume, grid.affine)
        write_volume(folder / f"{name}_lobes.nii.gz", lobes(breath, percent, grid), grid.affine)
    half = np.array(grid.shape) * grid.spacing / 2 - grid.spacing
    for percent, points in find_landmarks(breath, trees, options["landmarks"], half).items():
        rows = ([f"{value:.4f}" for value in point] for point in points)
        _table(folder / f"landmarks_{phase_name(percent)}.csv", ("x", "y", "z"), rows)
    write_volume(folder / "truth.nii.gz", to_exhale(breath, INHALE, grid), grid.affine)
    return patient


def _table(file: Path, header: tuple[str, ...], rows: Any) -> None:
    with open(file, "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _say(done: int, total: int, patient: str) -> None:
    print(f"breathing lungs: {done}/{total} patient {patient}", flush=True)
