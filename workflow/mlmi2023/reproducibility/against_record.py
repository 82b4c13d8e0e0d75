"""Compare a run with a published record, whose machine may have been another one."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose, isnan, nan
from pathlib import Path

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.reporting.record_files import changed_files, read_about
from mlmi2023.reporting.reported import Reported
from mlmi2023.reproducibility.compare import Verdict, is_timed, read_rows, timed_metrics


@dataclass(frozen=True)
class Tolerance:
    """How far a mean may lie from the recorded one: the larger of two distances.

    Attributes:
        relative: share of the recorded mean.
        seeds: standard deviations of the recorded means of seeds, where there are several.
    """

    relative: float = 0.02
    seeds: float = 2.0

    def __str__(self) -> str:
        return f"{self.relative:g} of the mean or {self.seeds:g} standard deviations between seeds"

    def allows(self, ours: float, recorded: float, sd_seeds: float) -> bool:
        """Return whether ``ours`` counts as the recorded mean."""
        if isnan(ours) or isnan(recorded):
            return isnan(ours) and isnan(recorded)
        spread = 0.0 if isnan(sd_seeds) else self.seeds * sd_seeds
        return isclose(ours, recorded, abs_tol=max(self.relative * abs(recorded), spread, 1e-6), rel_tol=0)


def compare_with_record(run: Path, record: Path, reported: Reported, tolerance: Tolerance) -> list[Verdict]:
    """Compare the paper's folder of a run with a record of it.

    Args:
        run: ``results/<scale>/<paper>``.
        record: ``resources/bench/<paper>``.
        reported: what the paper reports.
        tolerance: for the means in tables; verdicts of claims and states of tables have to be the same.

    Raises:
        InputError: there is no record.
    """
    if not (record / "record.json").is_file():
        raise InputError(f"{record}: no record here (record.json is missing); publish one first")
    timed = timed_metrics(reported)
    verdicts = []
    for recorded in sorted((record / "tables").glob("*.csv")):
        ours = run / "tables" / recorded.name
        said = _first(_tables(ours, recorded, timed, tolerance)) if ours.exists() else "not made by this run"
        verdicts.append(Verdict(f"tables/{recorded.name}", said))
    claims = run / "claims.csv"
    said = (
        _first(_claims(claims, record / "claims.csv", timed)) if claims.exists() else "not made by this run"
    )
    return [*verdicts, Verdict("claims.csv", said)]


def recorded_setup(record: Path) -> dict[str, object]:
    """Return the configuration keys that a record was made with.

    Raises:
        InputError: there is no record, or its file is broken.
    """
    if not (record / "record.json").is_file():
        raise InputError(f"{record}: no record here (record.json is missing); publish one first")
    about = read_about(record)
    if changed := changed_files(record, about):
        raise InputError(f"{record}: {', '.join(changed)} since it was published; publish again")
    return {"scale": about["scale"], "seeds": about["seeds"]}


def _first(differences: Iterator[str]) -> str:
    found = list(differences)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return found[0] + more if found else ""


def _tables(ours: Path, recorded: Path, timed: set[str], tolerance: Tolerance) -> Iterator[str]:
    keys = ("method", "metric", "setting", "label")
    mine = {tuple(row[k] for k in keys): row for row in read_rows(ours)}
    for row in read_rows(recorded):
        key = tuple(row[k] for k in keys)
        name = " ".join(filter(None, key))
        if is_timed(row, timed):
            continue
        if key not in mine:
            yield f"{name}: no such row"
            continue
        a, b = _number(mine[key]["mean"]), _number(row["mean"])
        if not tolerance.allows(a, b, _number(row["sd_seeds"])):
            yield f"{name}: {a:.6g}, the record has {b:.6g}"
    status = read_json(ours.with_suffix(".json"))["status"]
    was = read_json(recorded.with_suffix(".json"))["status"]
    if status != was:
        yield f"the table is {status}, the record's is {was}"


def _claims(ours: Path, recorded: Path, timed: set[str]) -> Iterator[str]:
    mine = {row["id"]: row for row in read_rows(ours)}
    for row in read_rows(recorded):
        own = mine.get(row["id"])
        if is_timed(row, timed):
            continue
        if own is None or own["verdict"] != row["verdict"]:
            yield f"{row['id']}: {own['verdict'] if own else 'absent'}, the record has {row['verdict']}"


def _number(text: str) -> float:
    return float(text) if text else nan
