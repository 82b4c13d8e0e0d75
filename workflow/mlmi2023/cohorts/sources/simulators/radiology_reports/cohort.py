"""All reports of a cohort: ``reports.csv``, in the layout of the form ``reports``.

Its columns are ``id``, ``patient``, ``split``, ``indication``, ``findings`` and ``impression``.
"""

from functools import partial
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.sources.simulators.chest_xrays.scene import draw_scene
from mlmi2023.cohorts.sources.simulators.chest_xrays.sections import (
    findings_text,
    impression_text,
    indication_text,
)
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.radiology_reports.options import read_options

SPLITS = ("train", "val", "test")
COLUMNS = ("id", "patient", "split", "indication", "findings", "impression")


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort of reports.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``.
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, name="p{:05d}", splits=SPLITS)
    # a report is a millisecond's work: processes would only wait for each other
    made = run(config, out, 1, partial(reports_of, options=options), patients)
    write_table(out / "reports.csv", COLUMNS, [row for rows in made for row in rows])
    write_about(out, config, options)


def reports_of(patient: Patient, options: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a patient's rows of the table."""
    low, high = options["studies"]
    rows = []
    for study in range(int(patient.random(0).integers(int(low), int(high) + 1))):
        rng = patient.random(1, study)
        scene = draw_scene(rng, options["style"])
        texts = (indication_text(scene, rng), findings_text(scene, rng), impression_text(scene, rng))
        rows.append((f"{patient.name}_{study + 1}", patient.name, patient.split, *texts))
    return rows
