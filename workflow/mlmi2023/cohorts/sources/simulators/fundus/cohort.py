"""All images of a cohort, in parallel processes, and the files that they become."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.forms.domain_images.listing import CLASSES, SAMPLES
from mlmi2023.cohorts.forms.domain_images.listing import GRADES as GRADE_FILE
from mlmi2023.cohorts.sources.simulators.fundus import lesions
from mlmi2023.cohorts.sources.simulators.fundus.camera import photograph
from mlmi2023.cohorts.sources.simulators.fundus.eye import between, disc_depth, draw_eye, grid, paint
from mlmi2023.cohorts.sources.simulators.fundus.options import GRADES, LESIONS, read_options
from mlmi2023.cohorts.sources.simulators.fundus.vessels import add_vessels, draw_tree
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run

#: drawn on a grid so much finer, then averaged
FINER = 2
#: label maps, and what their values 1, 2, ... are; the rim is the disc without its cup
MAPS = {"masks": ("rim", "cup"), "vessels": ("vessel",), "lesions": LESIONS}
#: of a pixel, from which share on it is vessel
MOSTLY = 0.4


class Person(NamedTuple):
    """A patient and the grade of both eyes."""

    patient: Patient
    grade: int


class Drawn(NamedTuple):
    """An image (S, S, 3) uint8, its label maps (S, S) uint8, and what was drawn."""

    image: np.ndarray
    maps: dict[str, np.ndarray]
    about: dict[str, float]


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.domain_images.form`.

    ``truth.csv`` beside it says of each image what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per domain) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.fundus.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    people = graded(plan(config, "p{:05d}"), options["domains"])
    for name in ("images", *(f"maps/{name}" for name in MAPS)):
        (out / name).mkdir(parents=True, exist_ok=True)
    made = run(config, out, threads, partial(make_person, options=options, out=out), people)
    rows = [row for own in made for row in own]
    columns = ("image", "patient", "domain", "grade")
    write_table(out / SAMPLES, columns, [[row[key] for key in columns] for row in rows])
    write_table(out / "truth.csv", list(rows[0]), [row.values() for row in rows])
    write_table(
        out / CLASSES,
        ("map", "value", "name"),
        [(name, value, text) for name, own in MAPS.items() for value, text in enumerate(own, 1)],
    )
    write_table(out / GRADE_FILE, ("grade", "name"), enumerate(GRADES))
    write_about(out, config, options)


def graded(patients: Sequence[Patient], domains: dict[str, Any]) -> list[Person]:
    """Give each patient a grade: in each domain the shares that it asks for, in an order by the seed."""
    found = []
    for number, (name, own) in enumerate(domains.items()):
        members = [patient for patient in patients if patient.split == name]
        if not members:
            continue
        shares = np.cumsum(own["grades"]) / np.sum(own["grades"])
        places = (np.arange(len(members)) + 0.5) / len(members)
        grades = np.searchsorted(shares, places)
        np.random.default_rng([members[0].seed, number, 10]).shuffle(grades)
        found += [Person(patient, int(grade)) for patient, grade in zip(members, grades)]
    return found


def make_person(person: Person, options: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """Write the images of one patient; return what the tables say of each."""
    patient, grade = person
    own = options["domains"][patient.split]
    rng = patient.random()
    low, high = own["images"]
    tone, cup = between(rng, options["tone"]), between(rng, own["cup"])
    first = int(rng.choice([-1, 1]))
    rows = []
    for number in range(int(rng.integers(int(low), int(high) + 1))):
        side = first * (-1) ** number
        drawn = make_image(patient.random(number + 1), grade, side, (tone, cup), own, options)
        name = f"{patient.name}_{number}"
        write_png(out / f"images/{name}.png", drawn.image)
        for key, values in drawn.maps.items():
            write_png(out / f"maps/{key}/{name}.png", values)
        about = {key: f"{value:.4g}" for key, value in drawn.about.items()}
        rows.append(
            {"image": name, "patient": patient.name, "domain": patient.split, "grade": grade, **about}
        )
    return rows


def make_image(
    rng: np.random.Generator,
    grade: int,
    side: int,
    traits: tuple[float, float],
    own: dict[str, Any],
    options: dict[str, Any],
) -> Drawn:
    """Draw an eye of a grade and photograph it.

    Args:
        rng: its random numbers.
        grade: 0 to 4.
        side: 1 for a right eye, -1 for a left one.
        traits: the patient's tone and cup-to-disc ratio.
        own: options of the domain.
        options: of the simulator.
    """
    view = options["view"]
    eye = draw_eye(rng, side, *traits, options)
    centre = np.array(eye.disc if view["centre"] == "disc" else (0.0, 0.0)) + rng.normal(0, view["shift"], 2)
    places = grid(
        FINER * int(options["size"]), (centre[0], centre[1]), view["width"] / between(rng, own["zoom"])
    )
    image = paint(rng, eye, places, between(rng, options["texture"]))
    image, vessels = add_vessels(image, draw_tree(rng, eye, options["vessels"]), places)
    counts = lesions.draw_counts(rng, grade, options["lesions"])
    image, spots = lesions.add_lesions(rng, image, counts, eye, places, options)
    # a window much smaller than the field does not reach the field's edge
    pixels = photograph(rng, image, own, field=view["width"] > 1.2)
    nested = (disc_depth(eye, places) < 1) + (disc_depth(eye, places, eye.cup) < 1).astype(int)
    maps = {
        "masks": _middle(nested),
        "vessels": (_coarse(vessels) > MOSTLY).astype(np.uint8),
        "lesions": _middle(spots),
    }
    about = {"side": side, "tone": eye.tone, "cup": eye.cup, **counts}
    return Drawn(pixels, maps, {key: float(value) for key, value in about.items()})


def _coarse(fine: np.ndarray) -> np.ndarray:
    rows, columns = fine.shape[0] // FINER, fine.shape[1] // FINER
    return fine.reshape(rows, FINER, columns, FINER).mean(axis=(1, 3))


def _middle(labels: np.ndarray) -> np.ndarray:
    """Return labels at the coarse grid: the largest of each pixel's that takes at least half of it."""
    found = np.zeros((labels.shape[0] // FINER, labels.shape[1] // FINER), np.uint8)
    for value in range(1, int(labels.max()) + 1):
        found[_coarse((labels >= value).astype(float)) >= 0.5] = value
    return found
