"""All papers at a glance: what was run here, and for the others the published record."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlmi2023.reporting.bench_record import Record
from mlmi2023.reporting.claims.results import read_claims
from mlmi2023.reporting.claims.verdicts import NOT_JUDGED, NOT_TESTED, REPRODUCED, VERDICTS
from mlmi2023.reporting.pages.render import count_verdicts, render
from mlmi2023.reporting.reported import Metric, Reported
from mlmi2023.reporting.tables.build import TableResult, read_table
from mlmi2023.reporting.tables.controls import AT_FLOOR, BROKEN, UNCHECKED

#: names of overlaps, which some papers print in percent
OVERLAP = re.compile(r"(normalised )?(dice|dsc|iou|jaccard)\b", re.IGNORECASE)


@dataclass(frozen=True)
class OverviewItem:
    """One paper of the overview.

    Attributes:
        reported: what the paper reports.
        page: its ``index.html``; None when the paper was not run.
        claims: its ``claims.csv``; None when the paper was not run.
        tables: its ``tables/<id>.csv``.
        record: its bench record, if one has been published.
        record_page: the record's page.
    """

    reported: Reported
    page: Path | None = None
    claims: Path | None = None
    tables: Sequence[Path] = ()
    record: Record | None = None
    record_page: Path | None = None


def build_overview(items: Sequence[OverviewItem], scale: str, out: str | Path) -> None:
    """Write the overview, papers in the order of their numbers.

    Each paper carries its task family and its verdicts as attributes, by which a script in the page sorts and
    filters; without scripts all papers stand there in their order.

    Args:
        items: all papers of the repository.
        scale: of the run; empty for the records alone.
        out: the page.

    Raises:
        InputError: an input file is broken.
    """
    papers = [paper_view(item) for item in sorted(items, key=lambda item: item.reported.number)]
    totals = dict.fromkeys((v for v in VERDICTS if v != NOT_JUDGED), 0)
    for paper in papers:
        for verdict, count in paper["counts"].items():
            totals[verdict] = totals.get(verdict, 0) + count
    render(
        "overview.html.j2",
        out,
        papers=papers,
        counts=totals,
        scale=scale,
        families=list(dict.fromkeys(sorted(paper["paper"].family for paper in papers))),
        found=[v for v in VERDICTS if any(paper["counts"].get(v) for paper in papers)],
        ran=sum(paper["page"] is not None for paper in papers),
        recorded=sum(paper["record"] is not None for paper in papers),
    )


def paper_view(item: OverviewItem) -> dict[str, Any]:
    """Return what one line of the overview shows.

    Its verdicts are those of the run, or of the record where nothing was run or the run judges nothing.
    """
    tables = [read_table(path, item.reported) for path in item.tables]
    ran = count_verdicts(read_claims(item.claims)) if item.claims else {}
    record = _record(item.record) if item.record else None
    judged = bool(item.claims) and not ran.get(NOT_JUDGED)
    counts = ran if judged else record["counts"] if record else {}
    tested = sum(n for verdict, n in counts.items() if verdict not in (NOT_TESTED, NOT_JUDGED))
    status, why = _status(item, tables)
    shown = tables if item.page else item.record.tables if item.record else []
    return {
        "paper": item.reported,
        "page": item.page,
        "ran": ran,
        "judged": judged,
        "counts": counts,
        "share": counts.get(REPRODUCED, 0) / tested if tested else -1.0,
        "status": status,
        "why": why,
        "record": record,
        "record_page": item.record_page,
        "from_record": not item.page,
        "mains": [main for table in shown if (main := main_value(table, item.reported))],
    }


def _status(item: OverviewItem, tables: Sequence[TableResult]) -> tuple[str, str]:
    """Return what the controls say of the tables that were run, and of which tables they say it."""
    if item.page is None:
        return "not run", ""
    for status, said in (
        (BROKEN, "controls fail"),
        (UNCHECKED, "controls missing"),
        (AT_FLOOR, "some at the floor"),
    ):
        if found := [table.table.id for table in tables if table.status == status]:
            return said, ", ".join(found)
    return "controls hold", ""


def _record(record: Record) -> dict[str, Any]:
    return {"about": record.about, "stale": record.stale, "counts": count_verdicts(record.claims)}


def main_value(result: TableResult, reported: Reported) -> dict[str, str] | None:
    """Return the main metric of a table's first proposed method that ran: ours and the paper's.

    Of several settings or labels it takes the last, where papers print their mean, and names it.
    """
    metric = reported.metrics[result.table.columns[0]]
    rows = result.frame[(result.frame["metric"] == metric.id) & (result.frame["role"] == "proposed")]
    rows = rows.dropna(subset=["mean"])
    if rows.empty:
        return None
    row = rows[rows["method"] == rows.iloc[0]["method"]].iloc[-1]
    metric, times = _in_percent(metric)
    condition = [row["setting"], reported.label_names.get(row["label"], row["label"])]
    return {
        "dataset": ", ".join(filter(None, [reported.name_of(result.table.dataset), *condition])),
        "method": row["name"],
        "metric": " ".join(filter(None, [metric.name, f"({metric.unit})" if metric.unit else ""])),
        "ours": metric.show(times * row["mean"]),
        "sd": metric.show(times * row["sd"]),
        "reported": metric.show(times * row["reported_mean"]),
        "difference": metric.show(times * row["difference"], signed=True),
        "learned": row["learned"],
    }


def _in_percent(metric: Metric) -> tuple[Metric, float]:
    """Return an overlap in percent and its factor: papers print either, and here they stand together."""
    if metric.unit or not OVERLAP.match(metric.name):
        return metric, 1.0
    return replace(metric, unit="%", decimals=max(0, metric.decimals - 2)), 100.0
