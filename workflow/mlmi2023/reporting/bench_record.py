"""The bench record of a paper: its claims and tables as measured once, kept in the repository.

``resources/bench/<paper>/`` holds ``record.json`` (where the numbers come from), ``claims.csv`` and
``tables/<id>.csv``, ``.md`` and ``.json``. Pages show it beside what was run here, and say when code or
configuration have moved on since. One whose files were changed since counts for nothing
(:mod:`mlmi2023.reporting.record_files`).

A record from before trainings said whether they had learned (its runs carry no ``learned``) is read as one
whose networks are not known to have: see :func:`read_record`.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.provenance import provenance
from mlmi2023.core.seals import SEAL, file_hashes, sealed
from mlmi2023.core.sources import code_hash
from mlmi2023.core.tidy import read_metrics
from mlmi2023.reporting.claims.checks import comparisons
from mlmi2023.reporting.claims.results import COLUMNS, Result, read_claims
from mlmi2023.reporting.claims.verdicts import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, UNKNOWN
from mlmi2023.reporting.record_files import ABOUT, UNSEALED, changed_files, read_about
from mlmi2023.reporting.reported import Claim, Reported
from mlmi2023.reporting.runs import combine_provenance, read_runs, summarise_runs
from mlmi2023.reporting.tables.build import TableResult, read_table
from mlmi2023.reporting.tables.controls import check_controls
from mlmi2023.training.loop.status import NOT_KNOWN


@dataclass(frozen=True)
class Record:
    """A published bench record.

    Attributes:
        about: content of ``record.json``.
        claims: results of all claims.
        tables: the tables.
        stale: what speaks against it, one phrase each; empty for a record of today's code and config.
    """

    about: dict[str, Any]
    claims: list[Result]
    tables: list[TableResult]
    stale: tuple[str, ...]


def publish(
    reported: Reported,
    claims: Path,
    tables: Sequence[Path],
    runs: Sequence[Path],
    metrics: Path,
    about: dict[str, Any],
    out: Path,
) -> None:
    """Write the record of a finished bench run into the folder ``out``, whole or not at all.

    Args:
        reported: what the paper reports.
        claims: ``claims.csv`` of the run.
        tables: ``tables/<id>.csv`` of the run, with their ``.md`` and ``.json`` beside them.
        runs: ``train.json`` of every trained run.
        metrics: ``metrics.csv`` of the run; its seeds are named.
        about: scale, configfiles and config_hash of the run, and sources: patterns of the files that made its
            cohorts.
        out: the folder.

    Raises:
        InputError: no claim could be tested, which is no record.
    """
    results = read_claims(claims)
    if all(r.verdict == NOT_TESTED for r in results):
        raise InputError(f"{claims}: no claim was tested; a record needs a run of the methods it compares")
    trained = read_runs(runs)
    origin = combine_provenance(trained, here := provenance())
    if len(origin.code_versions) > 1 and trained:
        print(f"note: runs of several code versions: {', '.join(origin.code_versions)}", flush=True)
    content = {
        **about,
        "paper": reported.slug,
        "code_version": ", ".join(origin.code_versions),
        "dirty": origin.dirty,
        "code_hash": code_hash(reported.slug, about["sources"]),
        "data_hashes": list(origin.data_hashes),
        "machine": "; ".join(origin.hardware),
        "packages": origin.packages,
        "seeds": sorted({int(seed) for seed in read_metrics(metrics)["seed"].unique()}),
        "started": origin.started,
        "published": here["started"],
        "seconds": round(origin.seconds, 1),
        "runs": [asdict(run) for run in summarise_runs(trained)],
    }
    with atomic(out) as part:
        (part / "tables").mkdir(parents=True)
        shutil.copy(claims, part / "claims.csv")
        for table in tables:
            for suffix in (".csv", ".md", ".json"):
                shutil.copy(table.with_suffix(suffix), part / "tables")
        hashes = file_hashes(part, [file for file in part.rglob("*") if file.is_file()])
        content = json.loads(json.dumps({**content, "files": hashes}, default=str))
        write_json(part / ABOUT, sealed(content))


def read_record(folder: Path, reported: Reported, config_hash: str) -> Record:
    """Read a record and compare it with today's code and configuration.

    Where its runs carry no status, its networks are not known to have learned: no claim of them counts as
    reproduced or not any more, and tables are checked against their controls as today.

    Args:
        folder: ``resources/bench/<paper>``.
        reported: what the paper reports.
        config_hash: of the configuration that the record was made with, as it is today.

    Raises:
        InputError: a file is broken, though it is as it was published.
    """
    about = read_about(folder)
    if changed := changed_files(folder, about):
        said = f"counts for nothing: {', '.join(changed)} since it was published"
        return Record(about, [_void(claim, said) for claim in reported.claims.values()], [], (said,))
    moved = [] if SEAL in about else [UNSEALED]
    if about["code_hash"] != code_hash(reported.slug, about["sources"]):
        moved.append("the code has changed since")
    if about["config_hash"] != config_hash:
        moved.append("the configuration has changed since")
    if about["dirty"]:
        moved.append("made with uncommitted changes")
    known = all("learned" in run for run in about["runs"])
    claims = read_claims(folder / "claims.csv", COLUMNS if known else COLUMNS[:-2])
    if [(r.id, r.check) for r in claims] != [(c.id, c.check) for c in reported.claims.values()]:
        moved.append("the claims have changed since")
    tables = []
    for name in reported.tables:
        if not (file := folder / f"tables/{name}.csv").exists():
            moved.append(f"it has no {name}")
            continue
        tables.append(read_table(file, reported, known))
        if lost := _lost_rows(tables[-1]):
            moved.append(f"{name} lacks {lost} of the reported values")
    if not known:
        claims = [_unknown(result, reported) for result in claims]
        trained = {(run["dataset"], run["method"]) for run in about["runs"]}
        for number, table in enumerate(tables):
            own = [method for dataset, method in trained if dataset == table.table.dataset]
            ran = table.frame["mean"].notna() & table.frame["method"].isin(own)
            table.frame.loc[ran, "learned"] = NOT_KNOWN
            status, reasons = check_controls(reported, table.table, table.frame)
            tables[number] = replace(table, status=status, reasons=reasons)
    return Record(about, claims, tables, tuple(moved))


def _void(claim: Claim, said: str) -> Result:
    """Return a claim of a record that counts for nothing."""
    return Result(claim.id, claim.says, claim.check, nan, nan, nan, nan, 0, NOT_TESTED, nan, said, nan, "")


def _lost_rows(table: TableResult) -> int:
    """Return how many values of the paper's table a record's table has no line for."""
    lines = zip(*(table.frame[key] for key in ("method", "metric", "setting", "label")))
    there = set(lines)
    wanted = [(r.method, m, r.setting, r.label or "") for r in table.table.rows for m in table.table.columns]
    return sum(line not in there for line in wanted)


def _unknown(result: Result, reported: Reported) -> Result:
    """Return a claim of networks without a curve: undecided where it was judged, unless it only counts."""
    claim: Claim | None = reported.claims.get(result.id)
    if claim and claim.check == result.check:
        parts = comparisons(claim, reported, reported.slug)
        if all(reported.metrics[s.metric].exact for part in parts for s in part.selectors()):
            return result
    # p was of another model than the interval, and could contradict it
    said = replace(result, learned=UNKNOWN, p=nan)
    if result.verdict not in (REPRODUCED, NOT_REPRODUCED):
        return said
    return replace(said, verdict=UNDECIDED, note="; ".join(filter(None, [UNKNOWN, result.note])))
