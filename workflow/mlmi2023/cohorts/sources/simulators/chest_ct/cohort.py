"""All volumes of a cohort, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.chest_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.chest_ct.phantom import paint
from mlmi2023.cohorts.sources.simulators.chest_ct.scanner import expose, form_slices
from mlmi2023.cohorts.sources.simulators.kit.files import write_about
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.core.files import write_json

SPLITS = ("train", "all", "test")


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the layout of :mod:`mlmi2023.cohorts.forms.ct_stacks.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (volumes per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.chest_ct.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    volumes = plan(config, "v{:02d}", SPLITS, offset=-1)
    for name in options["variants"]:  # they come last, as test volumes with a label
        volumes.append(Patient(len(volumes), name, "test", int(config["seed"])))
    made = run(config, out, threads, partial(make_volume, options=options, out=out), volumes)
    write_json(out / "volumes.json", made)
    write_about(out, config, options)


def make_volume(volume: Patient, options: dict[str, Any], out: Path) -> dict[str, Any]:
    """Paint, scan and write one volume; return its row of ``volumes.json``."""
    name, label = volume.name, volume.name if volume.name in options["variants"] else ""
    own = options["variants"].get(label, options)
    rng, pixel = volume.random(), own["pixel"]
    seen = expose(rng, paint(rng, own), own)
    reference = _write(out / name / "reference.nii.gz", seen, own, pixel, pixel)
    stacks = []
    for thickness, overlap in own["acquisitions"]:
        file = out / name / f"thickness-{thickness:g}_overlap-{overlap:g}.nii.gz"
        stacks.append(
            {"thickness": thickness, "file": _write(file, seen, own, thickness, thickness - overlap)}
        )
    about = {"subject": name, "split": volume.split, "label": label}
    return {**about, "reference": reference, "stacks": stacks}


def _write(file: Path, seen: np.ndarray, options: dict[str, Any], thickness: float, spacing: float) -> str:
    slices, centres = form_slices(seen, options["fine"]["z"], thickness, spacing)
    pixel = options["pixel"]
    affine = np.diag([pixel, pixel, spacing, 1.0])
    affine[:3, 3] = [pixel / 2, pixel / 2, centres[0]]
    write_volume(file, slices.transpose(2, 1, 0), affine)
    return file.relative_to(file.parents[1]).as_posix()
