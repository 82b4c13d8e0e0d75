"""All images of a cohort, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.sources.simulators.fibre_bundles.bundles import draw_bundles
from mlmi2023.cohorts.sources.simulators.fibre_bundles.clutter import draw_clutter
from mlmi2023.cohorts.sources.simulators.fibre_bundles.options import read_options
from mlmi2023.cohorts.sources.simulators.fibre_bundles.tissue import grey_matter, light, speckle
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run

#: images of the pool come without masks
POOL, SPLITS = "pool", ("pool", "train", "val", "test")
#: drawn on a grid so much finer, then averaged
FINER = 2
#: of the tissue's brightness, that of a hollow vessel
HOLLOW = 0.5


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.image_pool.form`.

    ``truth.csv`` beside it says of each image, those of the pool too, what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (images per split, ``pool`` among them)
            and ``options`` (see :mod:`mlmi2023.cohorts.sources.simulators.fibre_bundles.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    everyone = plan(config, "f{:05d}", SPLITS)
    for name in (POOL, "images", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)
    truth = run(config, out, threads, partial(write_image, options=options, out=out), everyone)
    labelled = [(p.name, p.split) for p in everyone if p.split != POOL]
    write_table(out / "splits.csv", ("subject", "split"), labelled)
    write_table(out / "truth.csv", list(truth[0]), [row.values() for row in truth])
    write_about(out, config, options)


def make_image(
    rng: np.random.Generator, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Return an image (S, S) uint8, its mask (S, S) bool, and what was drawn."""
    size = FINER * int(options["size"])
    image = grey_matter(rng, size, options["tissue"])
    clutter, hollow, others = draw_clutter(rng, size, options)
    bundles, mask, about = draw_bundles(rng, size, options)
    image = image * (1 - (1 - HOLLOW) * hollow)
    for bright in (clutter, bundles):  # bundles lie above
        image = image + bright.cover * (bright.level - image)
    image = image * light(rng, size, options["light"]) * speckle(rng, size, options["speckle"])
    pixels = np.clip(np.rint(255 * _coarse(image)), 0, 255).astype(np.uint8)
    found = _coarse(mask.astype(float)) > 0.5
    free = float(((_coarse(clutter.cover) > 0.5) & ~found).mean())
    return pixels, found, {**about, **others, "share": float(found.mean()), "clutter": free}


def _coarse(fine: np.ndarray) -> np.ndarray:
    rows, columns = fine.shape[0] // FINER, fine.shape[1] // FINER
    return fine.reshape(rows, FINER, columns, FINER).mean(axis=(1, 3))


def write_image(patient: Patient, options: dict[str, Any], out: Path) -> dict[str, str]:
    """Write an image and, but for the pool, its mask; return what ``truth.csv`` says of it."""
    image, mask, about = make_image(patient.random(), options)
    write_png(out / (POOL if patient.split == POOL else "images") / f"{patient.name}.png", image)
    if patient.split != POOL:
        write_png(out / f"masks/{patient.name}.png", mask.astype(np.uint8) * 255)
    values = {key: f"{value:.4g}" for key, value in about.items()}
    return {"subject": patient.name, "split": patient.split, **values}
