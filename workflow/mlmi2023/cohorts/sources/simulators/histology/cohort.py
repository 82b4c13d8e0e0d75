"""All patients of a cohort, in parallel processes, and the files that their samples become."""

from functools import partial
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.forms.tissue.own_layout import CLASSES, KINDS_OF_TISSUE, SAMPLES
from mlmi2023.cohorts.sources.simulators.histology.optics import stain_of
from mlmi2023.cohorts.sources.simulators.histology.options import CELLS, TISSUES, read_options
from mlmi2023.cohorts.sources.simulators.histology.samples import Sample, make_patch, make_tile
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run

SPLITS = ("train", "val", "test")
#: label maps of each kind of sample; ``cells`` of patches are those that a segmenter finds
MAPS = {"tiles": ("cells",), "patches": ("cells", "cells_true")}


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.tissue.form`.

    ``truth.csv`` beside it says of each sample what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split; of tiles each has
            one) and ``options`` (see :mod:`mlmi2023.cohorts.sources.simulators.histology.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, "p{:05d}", SPLITS, offset=-1)
    maps = MAPS[options["kind"]]
    paired = ("panck",) if options["kind"] == "patches" else ()
    for name in (
        "images",
        "nuclei",
        *(f"maps/{name}" for name in maps),
        *(f"paired/{name}" for name in paired),
    ):
        (out / name).mkdir(parents=True, exist_ok=True)
    made = run(config, out, threads, partial(make_patient, options=options, out=out), patients)
    rows = [row for own in made for row in own]
    columns = ("image", "patient", "split", "organ", "tissue")
    write_table(out / SAMPLES, columns, [[row[key] for key in columns] for row in rows])
    write_table(out / "truth.csv", list(rows[0]), [row.values() for row in rows])
    names = [(name, value, text) for name in maps for value, text in enumerate(CELLS, 1)]
    write_table(out / CLASSES, ("map", "value", "name"), names)
    if options["kind"] == "patches":
        write_table(out / KINDS_OF_TISSUE, ("name",), [(name,) for name in TISSUES])
    write_about(out, config, options)


def make_patient(patient: Patient, options: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """Write the samples of one patient; return what the tables say of each."""
    rng = patient.random()
    stain = stain_of(rng, options["stain"])
    organs = list(options["organs"])
    if options["kind"] == "tiles":
        # in turn, so that every split has all of them
        organ = organs[patient.number % len(organs)]
        sample = make_tile(patient.random(1), organ, stain, options)
        return [_written(out, patient, patient.name, {"organ": organ, "tissue": ""}, sample)]
    low, high = (int(count) for count in options["patches"])
    rows, order = [], rng.permutation(len(TISSUES))
    for number in range(int(rng.integers(low, high + 1))):
        tissue = TISSUES[order[number % len(TISSUES)]]
        sample = make_patch(patient.random(number + 1), tissue, stain, options)
        rows.append(
            _written(out, patient, f"{patient.name}_{number}", {"organ": "", "tissue": tissue}, sample)
        )
    return rows


def _written(out: Path, patient: Patient, name: str, what: dict[str, str], sample: Sample) -> dict[str, Any]:
    write_png(out / f"images/{name}.png", sample.image)
    write_png(out / f"nuclei/{name}.png", sample.nuclei)
    if what["tissue"]:
        write_png(out / f"maps/cells/{name}.png", sample.found)
        write_png(out / f"maps/cells_true/{name}.png", sample.cells)
        write_png(out / f"paired/panck/{name}.png", sample.panck)
    else:
        write_png(out / f"maps/cells/{name}.png", sample.cells)
    about = {key: f"{value:.4g}" for key, value in sample.about.items()}
    return {"image": name, "patient": patient.name, "split": patient.split, **what, **about}
