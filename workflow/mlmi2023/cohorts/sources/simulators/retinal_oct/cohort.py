"""All B-scans of all patients, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.retinal_oct.lesions import (
    Shape,
    Spot,
    apart,
    draw_shapes,
    paint_shape,
)
from mlmi2023.cohorts.sources.simulators.retinal_oct.options import read_options
from mlmi2023.cohorts.sources.simulators.retinal_oct.retina import (
    Retina,
    between,
    draw_retina,
    layer_levels,
    surfaces,
)
from mlmi2023.cohorts.sources.simulators.retinal_oct.scanner import picture, shadows

SPLITS = ("train", "val", "test")
#: drawn on a grid so much finer, then averaged
FINER = 2
#: how far apart the outermost B-scans of a patient lie, in shares of the width
SPAN = 0.2
#: the part of the retina, from above and from below, in which nothing lies inside
FLOOR = 0.16


class Person(NamedTuple):
    """What all B-scans of a patient share."""

    retina: Retina
    lesions: list[Shape]
    distractors: list[Shape]


class Scan(NamedTuple):
    """A B-scan (S, S) uint8, its mask (S, S) bool, where distractors lie, and what was drawn."""

    image: np.ndarray
    mask: np.ndarray
    distractors: np.ndarray
    about: dict[str, float]


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort: ``images/p001_01.png``, ``masks/p001_01.png``, and ``splits.csv`` by patient.

    ``truth.csv`` beside them says of each B-scan what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.retinal_oct.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, "p{:03d}", SPLITS)
    for name in ("images", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)
    made = run(config, out, threads, partial(make_patient, options=options, out=out), patients)
    rows = [row for own in made for row in own]
    write_table(out / "splits.csv", ("subject", "split"), [(p.name, p.split) for p in patients])
    write_table(out / "truth.csv", list(rows[0]), [row.values() for row in rows])
    write_about(out, config, options)


def draw_person(rng: np.random.Generator, options: dict[str, Any]) -> Person:
    """Draw a patient's retina, lesions and distractors, which look alike."""
    retina, look, others = draw_retina(rng, options["retina"]), options["lesions"], options["distractors"]
    lesions = draw_shapes(rng, look, [look["place"]], look, retina)
    return Person(retina, lesions, draw_shapes(rng, others, others["places"], look, retina))


def make_scan(rng: np.random.Generator, person: Person, scan: float, options: dict[str, Any]) -> Scan:
    """Draw a B-scan of a patient.

    Args:
        rng: of the B-scan.
        person: the patient.
        scan: place in the patient's stack, 0 to 1.
        options: of the simulator.
    """
    size, look = FINER * int(options["size"]), options["lesions"]
    x = y = (np.arange(size) + 0.5) / size
    own = surfaces(rng, person.retina, SPAN * (scan - 0.5), x)
    there = rng.uniform() < look["share"]

    def draw(shape: Shape) -> Spot:
        return paint_shape(shape, own, x, y, look["edge"], FLOOR)

    least = look["area"][0] / len(person.lesions)
    shapes = [shape.at(rng, scan, least) for shape in person.lesions]
    lesions = [draw(shape) for shape in shapes] if there else []
    mask = np.any([spot.mask for spot in lesions], axis=0) if lesions else np.zeros((size, size), bool)
    alike = [shape.at(rng, scan, options["distractors"]["area"][0] / 20) for shape in person.distractors]
    spots = apart(rng, alike, mask, draw, 1 / size)

    level = layer_levels(own, options["levels"], between(rng, options["fading"]), y)
    uneven = ndimage.gaussian_filter(rng.normal(0, 1, level.shape), 0.012 * size)
    uneven *= look["patchy"] / max(float(uneven.std()), 1e-9)
    # lesions and distractors have one and the same level, whatever they lie in
    shown = shapes[0].level
    for spot in [*lesions, *spots]:
        level = level + spot.cover * (shown + uneven - level)
    level = level - shadows(rng, options["shadows"], own, x, y)
    image = picture(rng, level, options["scanner"], between(rng, options["gain"]))
    pixels = np.clip(np.rint(255 * _coarse(image)), 0, 255).astype(np.uint8)
    others = np.any([spot.mask for spot in spots], axis=0) if spots else np.zeros_like(mask)
    found, away = _coarse(mask.astype(float)) >= 0.5, _coarse(others.astype(float)) >= 0.5
    about = {"area": found.mean(), "lesions": len(lesions), "distractors": len(spots), "level": shown}
    return Scan(pixels, found, away, {key: float(value) for key, value in about.items()})


def _coarse(fine: np.ndarray) -> np.ndarray:
    rows, columns = fine.shape[0] // FINER, fine.shape[1] // FINER
    return fine.reshape(rows, FINER, columns, FINER).mean(axis=(1, 3))


def make_patient(patient: Patient, options: dict[str, Any], out: Path) -> list[dict[str, str]]:
    """Write the B-scans of a patient; return what ``truth.csv`` says of each."""
    person, count = draw_person(patient.random(), options), int(options["scans"])
    rows = []
    for number in range(count):
        scan = make_scan(patient.random(1 + number), person, number / max(count - 1, 1), options)
        name = f"{patient.name}_{number + 1:02d}"
        write_png(out / f"images/{name}.png", scan.image)
        write_png(out / f"masks/{name}.png", scan.mask.astype(np.uint8) * 255)
        said = {key: f"{value:.4g}" for key, value in scan.about.items()}
        rows.append({"subject": name, "patient": patient.name, "split": patient.split, **said})
    return rows
