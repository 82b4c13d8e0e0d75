"""All frames of all patients, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.gland import draw_gland, frame_of
from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.options import read_options
from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.scene import make_frame
from mlmi2023.cohorts.sources.simulators.ultrasound.machine import draw_machine

SPLITS = ("train", "val", "test")


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.images.form`.

    ``truth.csv`` beside the images says of each frame whose it is and what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.prostate_ultrasound.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, "p{:03d}", SPLITS)
    for name in ("images", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)
    truth = run(config, out, threads, partial(make_patient, options=options, out=out), patients)
    rows = [row for frames in truth for row in frames]
    write_table(out / "splits.csv", ("subject", "split"), [(row["subject"], row["split"]) for row in rows])
    write_table(out / "truth.csv", list(rows[0]), [row.values() for row in rows])
    write_about(out, config, options)


def make_patient(patient: Patient, options: dict[str, Any], out: Path) -> list[dict[str, str]]:
    """Write the frames of a patient; return what ``truth.csv`` says of each."""
    rng = patient.random()
    machine, gland = draw_machine(rng, options["scanner"]), draw_gland(rng, options)
    full = bool(rng.uniform() < options["bladder"])
    rows = []
    for number in range(int(options["frames"])):
        own, name = patient.random(1 + number), f"{patient.name}_{number + 1:02d}"
        frame = make_frame(own, machine, frame_of(own, gland, number, options), full, options)
        write_png(out / f"images/{name}.png", frame.image)
        write_png(out / f"masks/{name}.png", (255 * frame.mask).astype(np.uint8))
        said = {key: f"{value:.4g}" for key, value in frame.about.items()}
        rows.append({"subject": name, "patient": patient.name, "split": patient.split, **said})
    return rows
