"""All images of a cohort, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.sources.simulators.dermoscopy.artefacts import add_artefacts
from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import between, draw_lesion
from mlmi2023.cohorts.sources.simulators.dermoscopy.options import read_options
from mlmi2023.cohorts.sources.simulators.dermoscopy.skin import paint
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run

SPLITS = ("train", "val", "test")
#: drawn on a grid so much finer, then averaged: edges get the share of the pixel that they cover
FINER = 2


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.images.form`.

    ``truth.csv`` beside them says of each image what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (images per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.dermoscopy.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    lesions = plan(config, "d{:05d}", SPLITS, offset=-1)
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / "masks").mkdir(exist_ok=True)
    truth = run(config, out, threads, partial(make_lesion, options=options, out=out), lesions)
    write_table(out / "splits.csv", ("subject", "split"), [(p.name, p.split) for p in lesions])
    write_table(out / "truth.csv", list(truth[0]), [row.values() for row in truth])
    write_about(out, config, options)


def make_image(
    rng: np.random.Generator, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Return an image (S, S, 3) uint8, its mask (S, S) bool, and what was drawn."""
    size = int(options["size"])
    lesion = draw_lesion(rng, FINER * size, options)
    image = paint(rng, lesion, options)
    image, there = add_artefacts(rng, image, options)
    image = ndimage.gaussian_filter(image, (*[between(rng, options["blur"]) * FINER * size] * 2, 0))
    image = _coarse(image)
    image += rng.normal(0, between(rng, options["noise"]), image.shape)
    pixels = np.clip(np.rint(255 * np.clip(image, 0, 1)), 0, 255).astype(np.uint8)
    return pixels, _coarse(lesion.mask.astype(float)) > 0.5, {**lesion.about, **there}


def _coarse(fine: np.ndarray) -> np.ndarray:
    rows, columns = fine.shape[0] // FINER, fine.shape[1] // FINER
    return fine.reshape(rows, FINER, columns, FINER, *fine.shape[2:]).mean(axis=(1, 3))


def make_lesion(lesion: Patient, options: dict[str, Any], out: Path) -> dict[str, str]:
    """Write one image and its mask; return what ``truth.csv`` says of it."""
    image, mask, about = make_image(lesion.random(), options)
    write_png(out / f"images/{lesion.name}.png", image)
    write_png(out / f"masks/{lesion.name}.png", mask.astype(np.uint8) * 255)
    values = {key: f"{value:.4g}" for key, value in about.items()}
    return {"subject": lesion.name, **values, "area": f"{mask.mean():.4g}"}
