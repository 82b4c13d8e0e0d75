"""Run papers afresh and compare: what the rule ``check_reproducible`` does."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.read_reported import load_reported
from mlmi2023.reproducibility.against_record import Tolerance, compare_with_record, recorded_setup
from mlmi2023.reproducibility.compare import Verdict, compare_runs


def check(
    papers: Sequence[str],
    config: Mapping[str, Any],
    root: Path,
    out: Path,
    cores: int,
    against: Path | None = None,
    tolerance: Tolerance | None = None,
) -> list[Verdict]:
    """Make the papers' results in fresh folders and compare them.

    Args:
        papers: slugs.
        config: the workflow's configuration.
        root: the repository.
        out: folder of the runs; what is in it is removed.
        cores: for Snakemake.
        against: folder of records (``resources/bench``): one run, compared with these; None: two runs,
            compared with each other.
        tolerance: for the comparison with records.

    Raises:
        InputError: a run failed; the line names its log.
    """
    shutil.rmtree(out, ignore_errors=True)
    verdicts: list[Verdict] = []
    for paper in papers:
        reported = load_reported(root / f"resources/papers/{paper}.yaml")
        if against is None:
            first, second = (_run(paper, config, root, out / name, cores) for name in ("first", "second"))
            verdicts += compare_runs(first, second, reported)
        else:
            setup = {**config, **recorded_setup(against / paper)}
            made = _run(paper, setup, root, out / "now", cores) / paper
            found = compare_with_record(made, against / paper, reported, tolerance or Tolerance())
            verdicts += [Verdict(f"{paper}/{v.file}", v.difference) for v in found]
    return verdicts


def _run(paper: str, config: Mapping[str, Any], root: Path, out: Path, cores: int) -> Path:
    """Run one paper up to its claims and return the folder ``<results>/<scale>``."""
    out.mkdir(parents=True, exist_ok=True)
    setup = {**config, "papers": [paper], "results": out.as_posix()}
    place = out / str(setup["scale"])
    (out / "config.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--snakefile", root / "workflow/Snakefile"]
    command += ["--workflow-profile", root / "workflow/profiles/default", "--cores", str(cores)]
    command += [f"{place.as_posix()}/{paper}/claims.csv", "--configfile", out / "config.yaml"]
    log = out / "snakemake.log"
    with open(log, "w") as stream:
        run = subprocess.run(list(map(str, command)), stdout=stream, stderr=subprocess.STDOUT)
    if run.returncode:
        raise InputError(f"{paper}: the run in {out} failed; see {log}")
    return place
