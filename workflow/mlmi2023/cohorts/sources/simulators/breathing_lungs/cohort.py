"""All patients of a cohort, in parallel processes, and the files that they become.

``patients.csv`` has patient and split, ``labels.csv`` the lobes. A patient's folder has ``<phase>.nii.gz``,
``<phase>_lobes.nii.gz``, ``landmarks_<phase>.csv`` (x, y, z in mm) of full inhale and exhale, and
``truth.nii.gz``, the way in mm from each voxel at full inhale to the same tissue at full exhale.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.breathing_lungs.geometry import LOBES, draw_chest
from mlmi2023.cohorts.sources.simulators.breathing_lungs.landmarks import find_landmarks
from mlmi2023.cohorts.sources.simulators.breathing_lungs.motion import Breath, draw_breath
from mlmi2023.cohorts.sources.simulators.breathing_lungs.options import INHALE, phase_name, read_options
from mlmi2023.cohorts.sources.simulators.breathing_lungs.scanner import lobes, make_grid, scan, to_exhale
from mlmi2023.cohorts.sources.simulators.breathing_lungs.texture import paint_body, paint_lungs
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.core.errors import InputError


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the layout of :mod:`mlmi2023.cohorts.forms.phased_scans.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.breathing_lungs.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, name="{}")
    for name in options["special"]:
        if name not in [patient.name for patient in patients]:
            raise InputError(f"options.special: there is no patient '{name}'; known: 1 to {len(patients)}")
    run(config, out, threads, partial(make_patient, options=options, out=out), patients)
    write_table(out / "patients.csv", ("patient", "split"), [(p.name, p.split) for p in patients])
    write_table(out / "labels.csv", ("index", "name"), LOBES.items())
    write_about(out, config, options)


def patient_breath(patient: Patient, options: dict[str, Any]) -> Breath:
    """Return how a patient breathes; ``options`` complete."""
    rng = patient.random(0)
    motion = options["special"].get(patient.name, options["motion"])
    return draw_breath(rng, draw_chest(rng, options["size"]), motion)


def make_patient(patient: Patient, options: dict[str, Any], out: Path) -> None:
    """Scan and write one patient."""
    breath = patient_breath(patient, options)
    rng = patient.random(1)
    grid, folder = make_grid(options), out / patient.name
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
        write_table(folder / f"landmarks_{phase_name(percent)}.csv", ("x", "y", "z"), rows)
    write_volume(folder / "truth.nii.gz", to_exhale(breath, INHALE, grid), grid.affine)
