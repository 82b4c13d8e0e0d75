"""All images of a cohort, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.ultrasound.machine import draw_machine
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.options import STRUCTURES, read_options
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.scenes import make_scene
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.shapes import ORDERS

SPLITS = ("train", "val", "test")
#: columns of ``truth.csv``: centre and coefficients in pixels of the image
TRUTH = ("subject", "structure", "x", "y", *(f"{letter}{n}" for n in ORDERS for letter in "abcd"))


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.outlines.form`.

    ``truth.csv`` beside it has the Fourier series of every contour.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (images per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.ultrasound_contours.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, "u{:05d}", SPLITS)
    for name in ("images", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)
    truth = run(config, out, threads, partial(make_image, options=options, out=out), patients)
    write_table(out / "splits.csv", ("subject", "split"), [(p.name, p.split) for p in patients])
    write_table(out / "truth.csv", TRUTH, [row for rows in truth for row in rows])
    write_about(out, config, options)


def make_image(patient: Patient, options: dict[str, Any], out: Path) -> list[list[str]]:
    """Write an image and its label map; return what ``truth.csv`` says of its contours."""
    rng = patient.random()
    scene = make_scene(rng, draw_machine(rng, options["scanner"]), options)
    write_png(out / f"images/{patient.name}.png", scene.image)
    write_png(out / f"masks/{patient.name}.png", scene.labels)
    shape = (scene.image.shape[0], scene.image.shape[1])
    rows = []
    for name, contour in zip(STRUCTURES[options["anatomy"]], scene.contours):
        row, column = scene.sector.to_pixels(contour.centre[0], contour.centre[1], shape)
        numbers = np.concatenate([[column, row], contour.coefficients.ravel() / scene.sector.pixel(shape)])
        rows.append([patient.name, name, *(f"{value:.6g}" for value in numbers)])
    return rows
