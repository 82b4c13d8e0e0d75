"""All studies of a cohort, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.forms.radiographs.tables import BOXES, REPORTS
from mlmi2023.cohorts.sources.simulators.chest_xrays.render import render
from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import draw_scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.sections import findings_text, indication_text
from mlmi2023.cohorts.sources.simulators.chest_xrays.triples import triples
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.xray_studies.options import read_options
from mlmi2023.cohorts.sources.simulators.xray_studies.phrases import phrases_of

SPLITS = ("train", "val", "test")
#: random streams of a study
SCENE, PICTURE, WORDS = range(3)


class Rows(NamedTuple):
    """What tables say of a study: its report, and its regions."""

    report: list[str]
    regions: list[list[str]]


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.radiographs.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (studies per split, each of a patient)
            and ``options`` (see :mod:`mlmi2023.cohorts.sources.simulators.xray_studies.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    (out / "images").mkdir(parents=True, exist_ok=True)
    work = partial(make_study, options=options, out=out)
    made: list[Rows] = run(config, out, threads, work, plan(config, "x{:05d}", SPLITS))
    write_table(out / "reports.csv", REPORTS, [rows.report for rows in made])
    write_table(out / "regions.csv", BOXES, [row for rows in made for row in rows.regions])
    write_about(out, config, options)


def make_study(patient: Patient, options: dict[str, Any], out: Path) -> Rows:
    """Write the picture of a study; return what tables say of it."""
    scene = draw_scene(patient.random(SCENE), options["style"])
    image, boxes = render(scene, int(options["size"]), patient.random(PICTURE))
    words = patient.random(WORDS)
    report, indication = findings_text(scene, words), indication_text(scene, words)
    if words.random() < options["silent"]:
        indication = ""
    write_png(out / "images" / f"{patient.name}.png", image)
    spoken = phrases_of(scene, report)
    said = "; ".join(" | ".join(triple) for triple in triples(scene))
    kinds = {
        region: [finding.kind for finding in scene.findings if region in finding.regions] for region in boxes
    }
    regions = [
        [
            patient.name,
            region,
            *(f"{value:.2f}" for value in box),
            "; ".join(kinds[region]),
            " | ".join(spoken.get(region, ())),
        ]
        for region, box in boxes.items()
    ]
    return Rows([patient.name, patient.name, patient.split, report, indication, said], regions)
