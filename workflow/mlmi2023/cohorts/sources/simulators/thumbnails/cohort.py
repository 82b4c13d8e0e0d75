"""All images of a cohort, in parallel processes, and the archive that they become."""

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.forms.labelled_images.archive import SPLITS
from mlmi2023.cohorts.sources.simulators.kit.files import write_about
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.thumbnails import cells, lungs
from mlmi2023.cohorts.sources.simulators.thumbnails.canvas import between, photographed
from mlmi2023.cohorts.sources.simulators.thumbnails.options import read_options

ARCHIVE = "images.npz"
PAINTERS: dict[str, ModuleType] = {"cells": cells, "lungs": lungs}


class Thumbnail(NamedTuple):
    """An image (H, W, C) uint8 and its class."""

    image: np.ndarray
    label: int


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort in the layout of :mod:`mlmi2023.cohorts.forms.labelled_images.form`.

    Classes take turns, so that each split has as many of each as its size allows.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (images per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.thumbnails.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    people = plan(config, "i{:06d}", SPLITS)
    made = run(config, out, threads, partial(make_image, options=options), people)
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        own = [thumbnail for person, thumbnail in zip(people, made) if person.split == split]
        shape = made[0].image.shape
        images = np.stack([t.image for t in own]) if own else np.empty((0, *shape), np.uint8)
        arrays[f"{split}_images"] = images[..., 0] if shape[2] == 1 else images
        arrays[f"{split}_labels"] = np.array([[t.label] for t in own], np.uint8).reshape(-1, 1)
    np.savez_compressed(out / ARCHIVE, **arrays)  # type: ignore[arg-type]
    write_about(out, config, options)


def make_image(patient: Patient, options: dict[str, Any]) -> Thumbnail:
    """Return the image of one number; its class is that number's turn."""
    rng, painter = patient.random(), PAINTERS[options["scene"]]
    label = patient.number % len(painter.SHAPES)
    fine = painter.paint(rng, label, int(options["size"]), options[options["scene"]])
    image = photographed(rng, fine, between(rng, options["blur"]), between(rng, options["noise"]))
    return Thumbnail(image, label)
