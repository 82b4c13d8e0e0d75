"""All patients of a cohort, in parallel processes, and their files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.raw import plan_subjects, workers, write_tables
from mlmi2023.cohorts.sources.simulators.abdominal_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.abdominal_ct.organs import ORGANS
from mlmi2023.cohorts.sources.simulators.abdominal_ct.phantom import build
from mlmi2023.cohorts.sources.simulators.abdominal_ct.scanner import scan
from mlmi2023.core.files import write_json


def simulate_cohort(
    config: dict[str, Any], out: Path, threads: int, progress: Callable[[int, int, str], None] | None
) -> None:
    """See :func:`mlmi2023.cohorts.sources.simulators.abdominal_ct.simulate`."""
    options = read_options(config)
    people = plan_subjects(config)
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(n, name, split, int(config["seed"]), options, out) for n, (name, split) in enumerate(people, 1)]
    rows = []
    for row in workers(make_patient, jobs, threads):
        rows.append(row)
        (progress or _say)(len(rows), len(jobs), row["subject"])
    write_tables(out, rows, ORGANS)
    write_json(out / "cohort.json", {"config": {**config, "options": options}, "seed": config["seed"]})


def make_patient(job: tuple[int, str, str, int, dict[str, Any], Path]) -> dict[str, str]:
    """Build, scan and write one patient; return its row of ``scans.csv``."""
    number, name, split, seed, options, out = job
    phantom = build(np.random.default_rng([seed, number, 0]), options)
    image, labels, affine = scan(phantom, np.random.default_rng([seed, number, 1]), options)
    files = {"image": f"images/{name}.nii.gz", "labels": f"labels/{name}.nii.gz"}
    write_volume(out / files["image"], image, affine)
    write_volume(out / files["labels"], labels, affine)
    return {"subject": name, "split": split, "site": phantom.phase, **files}


def _say(done: int, total: int, name: str) -> None:
    print(f"abdominal CT stand-in: {done}/{total} {name}", flush=True)
