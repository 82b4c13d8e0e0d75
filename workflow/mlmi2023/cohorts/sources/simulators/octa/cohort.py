"""All images of a cohort, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.forms.domain_images.listing import CLASSES, SAMPLES
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.octa.machine import angiogram
from mlmi2023.cohorts.sources.simulators.octa.options import read_options
from mlmi2023.cohorts.sources.simulators.octa.vessels import flow
from mlmi2023.cohorts.sources.simulators.octa.zone import draw_zone

#: drawn on a grid so much finer, then averaged
FINER = 2
MAP, STRUCTURE = "masks", "faz"


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.domain_images.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (images per domain) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.octa.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    for name in ("images", f"maps/{MAP}"):
        (out / name).mkdir(parents=True, exist_ok=True)
    rows = run(config, out, threads, partial(make_image, options=options, out=out), plan(config, "o{:05d}"))
    columns = ("image", "patient", "domain")
    write_table(out / SAMPLES, columns, [[row[key] for key in columns] for row in rows])
    write_table(out / "truth.csv", list(rows[0]), [row.values() for row in rows])
    write_table(out / CLASSES, ("map", "value", "name"), [(MAP, 1, STRUCTURE)])
    write_about(out, config, options)


def make_image(patient: Patient, options: dict[str, Any], out: Path) -> dict[str, Any]:
    """Write the angiogram of one eye and its zone; return what the tables say of it."""
    own, size = options["domains"][patient.split], int(options["size"])
    zone = draw_zone(patient.random(), own)
    image = angiogram(patient.random(2), flow(patient.random(1), zone, own, options, FINER * size), own)
    along = (np.arange(size) + 0.5) / size * 2 - 1
    mask = zone.depth(np.stack(np.meshgrid(along, along), -1)) < 1
    write_png(out / f"images/{patient.name}.png", np.repeat(image[..., None], 3, axis=2))
    write_png(out / f"maps/{MAP}/{patient.name}.png", mask.astype(np.uint8))
    return {
        "image": patient.name,
        "patient": patient.name,
        "domain": patient.split,
        "radius": f"{zone.radius:.4g}",
        "pixels": int(mask.sum()),
    }
