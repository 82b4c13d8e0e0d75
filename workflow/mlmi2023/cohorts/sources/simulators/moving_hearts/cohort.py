"""All patients of a cohort, in parallel processes, and the files that they become.

``splits.csv`` has subject and split. A patient's folder has for each view, ``2CH`` and ``4CH``, what CAMUS
has: ``<patient>_<view>_half_sequence.nii.gz`` (columns, rows, frames) from ED to ES, labels of all frames in
``..._half_sequence_gt.nii.gz``, and ``Info_<view>.cfg`` with the numbers of ED and ES; and beyond it
``..._flow.nii.gz`` (columns, rows, frames - 1, 2), mm along rows and columns from each frame to the next.
"""

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.moving_hearts.heart import contraction, draw_heart
from mlmi2023.cohorts.sources.simulators.moving_hearts.options import SPLITS, read_options
from mlmi2023.cohorts.sources.simulators.moving_hearts.scene import Scene, draw_scene
from mlmi2023.cohorts.sources.simulators.ultrasound.machine import draw_machine

VIEWS = ("2CH", "4CH")


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the layout of :mod:`mlmi2023.cohorts.forms.sequences.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, name="p{:03d}", splits=SPLITS)
    run(config, out, threads, partial(make_patient, options=options, out=out), patients)
    write_table(out / "splits.csv", ("subject", "split"), [(p.name, p.split) for p in patients])
    write_about(out, config, options)


def scene_of(patient: Patient, number: int, options: dict[str, Any]) -> tuple[Scene, int]:
    """Return what a patient shows in a view, and how many frames there are from ED to ES."""
    rng = patient.random(1, number)
    frames = int(rng.integers(options["frames"][0], options["frames"][1] + 1))
    heart = draw_heart(patient.random(0), rng, VIEWS[number] == "4CH", options)
    return draw_scene(rng, heart, draw_machine(rng, options["scanner"]), options), frames


def make_patient(patient: Patient, options: dict[str, Any], out: Path) -> None:
    """Scan and write one patient in both views."""
    shape = (options["size"], options["size"])
    for number, view in enumerate(VIEWS):
        scene, frames = scene_of(patient, number, options)
        rng, moments = patient.random(2, number), contraction(frames)
        images, labels = map(np.stack, zip(*(scene.frame(rng, s, shape) for s in moments)))
        ways = np.stack([scene.way(a, b, shape) for a, b in pairwise(moments)])
        pixel = scene.machine.sector.pixel(shape)
        affine, stem = np.diag([pixel, pixel, 1.0, 1.0]), out / patient.name / f"{patient.name}_{view}"
        write_volume(f"{stem}_half_sequence.nii.gz", images.transpose(2, 1, 0), affine)
        write_volume(f"{stem}_half_sequence_gt.nii.gz", labels.transpose(2, 1, 0), affine)
        write_volume(f"{stem}_flow.nii.gz", ways.transpose(3, 2, 0, 1).astype(np.float32), affine)
        info = stem.with_name(f"Info_{view}.cfg")
        info.write_text(f"ED: 1\nES: {frames}\nNbFrame: {frames}\n")
