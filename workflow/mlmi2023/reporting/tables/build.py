"""The paper's tables again: what it reports, ours, the difference, and whether to trust them."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from mlmi2023.core.conditions import one_of
from mlmi2023.core.csv_files import read_columns
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.json_files import read_object
from mlmi2023.reporting.claims.expressions import Selector
from mlmi2023.reporting.learned import Learned
from mlmi2023.reporting.names import setting_factors
from mlmi2023.reporting.own_data import fill_rows, rows_of
from mlmi2023.reporting.reported import Method, Reported, Row, Table
from mlmi2023.reporting.samples import Sample, Samples
from mlmi2023.reporting.tables.controls import AT_FLOOR as AT_FLOOR
from mlmi2023.reporting.tables.controls import BROKEN as BROKEN
from mlmi2023.reporting.tables.controls import NOT_RUN as NOT_RUN
from mlmi2023.reporting.tables.controls import OK as OK
from mlmi2023.reporting.tables.controls import UNCHECKED as UNCHECKED
from mlmi2023.reporting.tables.controls import check_controls
from mlmi2023.reporting.tables.markdown import markdown
from mlmi2023.reporting.tables.spread import Spread, spread_of

COLUMNS = [
    *("method", "name", "role", "metric", "reported_mean", "reported_sd", "mean", "sd", "sd_seeds"),
    *("n_cases", "n_seeds", "difference", "setting", "label", "learned"),
]

STATUS = {
    "status": Annotated[str, one_of(OK, AT_FLOOR, BROKEN, UNCHECKED, NOT_RUN)],
    "reasons": list[str],
}
NUMBERS = ["reported_mean", "reported_sd", "mean", "sd", "sd_seeds", "difference"]
#: So many reasons for a table's status stand in its Markdown; the JSON file has all.
NAMED = 3


@dataclass(frozen=True)
class TableResult:
    """A table filled in.

    Attributes:
        table: what the paper reports.
        frame: long form, columns :data:`COLUMNS`, one line per row and metric.
        status: ``ok``, ``at the floor`` (a method gains nothing over it, but the metric holds), ``broken``
            (a control does not bracket a method), ``unchecked`` (no control ran) or ``not run`` (nothing ran
            on the dataset).
        reasons: why, one line each.
        spread: between methods and between seeds.
    """

    table: Table
    frame: pd.DataFrame
    status: str
    reasons: list[str]
    spread: Spread


def build_table(
    reported: Reported, table_id: str, metrics: pd.DataFrame, learned: Learned | None = None
) -> TableResult:
    """Set our values beside the reported ones.

    Rows come in the paper's order, then methods that it does not report, then controls; on the user's own
    data, those that were run. ``mean`` and ``sd``
    are over cases after the mean over seeds; ``sd_seeds`` is the spread of the seeds' means. ``difference``
    is ours minus reported. ``learned`` is the status of the networks behind a row that was run
    (:mod:`mlmi2023.reporting.learned`), empty for methods without any.

    Args:
        reported: the paper.
        table_id: one of its tables.
        metrics: tidy metrics.
        learned: status by dataset and method.

    Raises:
        InputError: the paper has no such table.
    """
    if table_id not in reported.tables:
        raise InputError(
            f"{reported.slug}: no table {table_id!r} is reported; tables: {', '.join(reported.tables)}"
        )
    table = reported.tables[table_id]
    samples = Samples(metrics)
    if table.own:
        table = fill_rows(reported, table, samples)
    lines = []
    for row in _own_rows(table, samples) if table.own else _rows(reported, table, samples):
        method = reported.methods[row.method]
        status = (learned or {}).get((table.dataset, row.method), "")
        for metric in table.columns:
            sample = samples.get(_selector(table, row, metric))
            lines.append({**_line(method, row, metric, sample), "learned": status if sample else ""})
    frame = pd.DataFrame(lines, columns=COLUMNS).astype({"n_cases": "int64", "n_seeds": "int64"})
    status, reasons = check_controls(reported, table, frame)
    return TableResult(table, frame, status, reasons, spread_of(frame, table.columns[0]))


def row_selector(table: Table, row: Mapping[str, Any], metric: str) -> Selector:
    """Return which values stand in a row (method, setting and label, as in a line of the frame)."""
    factors = setting_factors(row["setting"])
    setting = row["setting"] if row["setting"] and not factors else None
    levels = tuple(sorted(factors.items()))
    return Selector(metric, row["method"], table.dataset, setting, levels, row["label"] or None)


def _selector(table: Table, row: Row, metric: str) -> Selector:
    return row_selector(table, {"method": row.method, "setting": row.setting, "label": row.label}, metric)


def _rows(reported: Reported, table: Table, samples: Samples) -> list[Row]:
    """Return the reported rows and those of other methods that were run, under every setting and label."""
    rows = list(table.rows)
    conditions = list(dict.fromkeys((row.setting, row.label) for row in rows))
    run = samples.methods(table.dataset)
    there = {row.method for row in rows}
    order = {"reference": 1, "control": 2}
    others = [m for m in reported.methods.values() if m.id in run and m.id not in there]
    others.sort(key=lambda m: (order.get(m.role, 0), m.control == "ceiling"))
    for method in others:
        unnamed = samples.unnamed(table.dataset, method.id)
        own = conditions
        if method.role == "control" and unnamed:  # a control without settings has a row in every table
            own = list(dict.fromkeys([("", label) for _, label in conditions] + conditions))
        for setting, label in own:
            row = Row(method.id, {}, setting, label)
            if not setting and not unnamed:
                continue  # its mean over settings of its own is no row of this table
            if any(samples.get(_selector(table, row, metric)) for metric in table.columns):
                rows.append(row)
    return rows


def _own_rows(table: Table, samples: Samples) -> list[Row]:
    """Return the rows of a table of own data that have a value; a mean over settings is none."""
    return [
        row
        for row in table.rows
        if (row.setting or samples.unnamed(table.dataset, row.method))
        and any(samples.get(_selector(table, row, metric)) for metric in table.columns)
    ]


def _line(method: Method, row: Row, metric: str, sample: Sample | None) -> dict[str, Any]:
    printed = row.values.get(metric)
    line: dict[str, Any] = {
        "method": method.id,
        "name": method.name,
        "role": method.role,
        "metric": metric,
        "reported_mean": printed.mean if printed else nan,
        "reported_sd": nan if printed is None or printed.sd is None else printed.sd,
        **dict.fromkeys(("mean", "sd", "sd_seeds", "difference"), nan),
        "n_cases": 0,
        "n_seeds": 0,
        "setting": row.setting,
        "label": row.label or "",
    }
    if sample is not None:
        cases = sample.per_case
        line["mean"] = float(cases.mean())
        line["sd"] = float(cases.std(ddof=1)) if len(cases) > 1 else nan
        if len(sample.seeds) > 1:
            line["sd_seeds"] = float(sample.values.mean(axis=1).std(ddof=1))
        line["n_cases"] = 0 if sample.runs else len(cases)
        line["n_seeds"] = sample.n_seeds
        line["difference"] = line["mean"] - line["reported_mean"]
    return line


def write_table(result: TableResult, reported: Reported, csv: str | Path) -> None:
    """Write ``<id>.csv`` and, beside it, the readable ``<id>.md`` and the status ``<id>.json``."""
    csv = Path(csv)
    with atomic(csv) as part:
        result.frame.to_csv(part, index=False, float_format="%.8g", lineterminator="\n")
    with atomic(csv.with_suffix(".md")) as part:
        shown, more = result.reasons[:NAMED], len(result.reasons[NAMED:])
        reasons = "; ".join([*shown, *([f"and {more} more, in {csv.stem}.json"] if more else [])])
        remarks = [f"**{result.status}**: {reasons}"] if reasons else []
        if said := result.spread.say(reported.metrics[result.table.columns[0]].name):
            remarks.append(said)
        part.write_text(markdown(reported, result.table, result.frame, remarks), encoding="utf-8")
    about = {"status": result.status, "reasons": result.reasons, "spread": result.spread.about()}
    write_json(csv.with_suffix(".json"), about)


def read_table(csv: str | Path, reported: Reported, known: bool = True) -> TableResult:
    """Read what :func:`write_table` wrote; the table's id is the file's name.

    Args:
        csv: the file.
        reported: the paper.
        known: False for a record from before networks had a status: it has no column ``learned``, which is
            filled with empty texts.
    """
    csv, fix = Path(csv), "delete it and run again"
    if csv.stem not in reported.tables:
        raise InputError(f"{csv}: {reported.slug} reports no table of that name; {fix}")
    columns = COLUMNS if known else COLUMNS[:-1]
    frame = read_columns(csv, columns, fix, NUMBERS, ["n_cases", "n_seeds"])
    frame = frame.assign(**{} if known else {"learned": ""})
    table = reported.tables[csv.stem]
    if table.own:
        table = rows_of(table, frame)
    about = read_object(csv.with_suffix(".json"), STATUS, fix)
    return TableResult(table, frame, about["status"], about["reasons"], spread_of(frame, table.columns[0]))
