"""All images of a cohort, in parallel processes, and the archive that they become."""

from collections.abc import Sequence
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


class Person(NamedTuple):
    """Whose image it is, and its class."""

    patient: Patient
    label: int


class Thumbnail(NamedTuple):
    """An image (H, W, C) uint8 and its class."""

    image: np.ndarray
    label: int


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort in the layout of :mod:`mlmi2023.cohorts.forms.labelled_images.form`.

    Each split has as many images of each class as its size allows, in an order by the seed.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (images per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.thumbnails.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    people = classed(plan(config, "i{:06d}", SPLITS), len(PAINTERS[options["scene"]].SHAPES))
    made = run(config, out, threads, partial(make_image, options=options), people)
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        own = [thumbnail for person, thumbnail in zip(people, made) if person.patient.split == split]
        shape = made[0].image.shape
        images = np.stack([t.image for t in own]) if own else np.empty((0, *shape), np.uint8)
        arrays[f"{split}_images"] = images[..., 0] if shape[2] == 1 else images
        arrays[f"{split}_labels"] = np.array([[t.label] for t in own], np.uint8).reshape(-1, 1)
    np.savez_compressed(out / ARCHIVE, **arrays)  # type: ignore[arg-type]
    write_about(out, config, options)


def classed(patients: Sequence[Patient], classes: int) -> list[Person]:
    """Give each image a class: in each split all as often, in an order by the seed."""
    found = []
    for number, split in enumerate(SPLITS):
        members = [patient for patient in patients if patient.split == split]
        labels = np.arange(len(members)) % classes
        if members:
            np.random.default_rng([members[0].seed, 0, number]).shuffle(labels)
        found += [Person(patient, int(label)) for patient, label in zip(members, labels)]
    return found


def make_image(person: Person, options: dict[str, Any]) -> Thumbnail:
    """Return the image of one number."""
    rng, painter, label = person.patient.random(), PAINTERS[options["scene"]], person.label
    fine = painter.paint(rng, label, int(options["size"]), options[options["scene"]])
    image = photographed(rng, fine, between(rng, options["blur"]), between(rng, options["noise"]))
    return Thumbnail(image, label)
