"""All patients of a cohort, in parallel processes, and their files."""

from functools import partial
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.sources.simulators.abdominal_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.abdominal_ct.organs import ORGANS
from mlmi2023.cohorts.sources.simulators.abdominal_ct.phantom import build
from mlmi2023.cohorts.sources.simulators.abdominal_ct.scanner import scan
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_scans
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient
from mlmi2023.cohorts.sources.simulators.kit.work import run


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the raw layout of :mod:`mlmi2023.cohorts.forms.scans.form`.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.abdominal_ct.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    rows = run(config, out, threads, partial(make_patient, options=options, out=out))
    write_scans(out, rows, ORGANS)
    write_about(out, config, options)


def make_patient(patient: Patient, options: dict[str, Any], out: Path) -> dict[str, str]:
    """Build, scan and write one patient; return its row of ``scans.csv``."""
    phantom = build(patient.random(0), options)
    image, labels, affine = scan(phantom, patient.random(1), options)
    files = {"image": f"images/{patient.name}.nii.gz", "labels": f"labels/{patient.name}.nii.gz"}
    write_volume(out / files["image"], image, affine)
    write_volume(out / files["labels"], labels, affine)
    return {"subject": patient.name, "split": patient.split, "site": phantom.phase, **files}
