"""All exams of a cohort, in parallel processes."""

from functools import partial
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.sources.simulators.kit.files import write_about
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.patients import Exam, draw_exams
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.records import draw_records
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.scanner import scan
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.write import PARTS, write_scan, write_tables


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the layout of RadFusion with the truth beside it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per split) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.pulmonary_ct.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    seed = int(config["seed"])
    exams = draw_exams(seed, config.get("subjects") or {}, options)
    for folder in [*map(str, range(PARTS)), "truth"]:
        (out / folder).mkdir(parents=True, exist_ok=True)
    run(config, out, threads, partial(make_exam, seed=seed, options=options, out=out), exams)
    write_tables(out, exams, draw_records(exams, seed, options["records"]))
    write_about(out, config, options)


def make_exam(exam: Exam, seed: int, options: dict[str, Any], out: Path) -> None:
    """Scan and write one exam."""
    write_scan(out, exam, *scan(exam, seed, options))
