"""All papers at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmi2023.reporting.claims import read_claims
from mlmi2023.reporting.record import Record
from mlmi2023.reporting.render import count_verdicts, render
from mlmi2023.reporting.reported import Reported
from mlmi2023.reporting.tables import AT_FLOOR, BROKEN, UNCHECKED, TableResult, read_table


@dataclass(frozen=True)
class OverviewItem:
    """One paper of the overview.

    Attributes:
        reported: what the paper reports.
        page: its ``index.html``; None when the paper was not run.
        claims: its ``claims.csv``; None when the paper was not run.
        tables: its ``tables/<id>.csv``.
        record: its bench record, if one has been published.
    """

    reported: Reported
    page: Path | None = None
    claims: Path | None = None
    tables: Sequence[Path] = ()
    record: Record | None = None


def build_overview(items: Sequence[OverviewItem], scale: str, out: str | Path) -> None:
    """Write ``index.html`` of a scale, papers in the order of their numbers.

    Raises:
        InputError: an input file is broken.
    """
    papers = [paper_view(item) for item in sorted(items, key=lambda item: item.reported.number)]
    totals: dict[str, int] = {}
    for paper in papers:
        for verdict, count in paper["counts"].items():
            totals[verdict] = totals.get(verdict, 0) + count
    render("overview.html.j2", out, papers=papers, counts=totals, scale=scale)


def paper_view(item: OverviewItem) -> dict[str, Any]:
    """Return what one line of the overview shows."""
    tables = [read_table(path, item.reported) for path in item.tables]
    results = read_claims(item.claims) if item.claims else []
    broken = [t.table.id for t in tables if t.status == BROKEN]
    unchecked = [t.table.id for t in tables if t.status == UNCHECKED]
    at_floor = [t.table.id for t in tables if t.status == AT_FLOOR]
    if item.page is None:
        status, why = "not run", ""
    elif broken:
        status, why = "controls fail", ", ".join(broken)
    elif unchecked:
        status, why = "controls missing", ", ".join(unchecked)
    elif at_floor:
        status, why = "some at the floor", ", ".join(at_floor)
    else:
        status, why = "controls hold", ""
    return {
        "paper": item.reported,
        "page": item.page,
        "counts": count_verdicts(results),
        "status": status,
        "why": why,
        "record": _record(item.record) if item.record else None,
        "mains": [main for table in tables if (main := main_value(table, item.reported))],
    }


def _record(record: Record) -> dict[str, Any]:
    return {"about": record.about, "stale": record.stale, "counts": count_verdicts(record.claims)}


def main_value(result: TableResult, reported: Reported) -> dict[str, str] | None:
    """Return the main metric of a table's first proposed method that ran: ours and the paper's."""
    metric = reported.metrics[result.table.columns[0]]
    rows = result.frame[(result.frame["metric"] == metric.id) & (result.frame["role"] == "proposed")]
    rows = rows.dropna(subset=["mean"])
    if rows.empty:
        return None
    row = rows.iloc[0]
    return {
        "dataset": reported.datasets[result.table.dataset].name,
        "method": row["name"],
        "metric": " ".join(filter(None, [metric.name, f"({metric.unit})" if metric.unit else ""])),
        "ours": metric.show(row["mean"]),
        "sd": metric.show(row["sd"]),
        "reported": metric.show(row["reported_mean"]),
        "difference": metric.show(row["difference"], signed=True),
    }
