"""The page of one paper: what it claims, what we measured, on which data, and how it came about."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mlmi2023.core.provenance import provenance
from mlmi2023.reporting.claims import REPRODUCED, RULE, Result, read_claims
from mlmi2023.reporting.quality import Cohort
from mlmi2023.reporting.record import Record
from mlmi2023.reporting.render import count_verdicts, forest, places_for, render
from mlmi2023.reporting.reported import Reported
from mlmi2023.reporting.runs import combine_provenance, read_runs, summarise_runs
from mlmi2023.reporting.tables import NOT_RUN, TableResult, best_rows, read_table


@dataclass(frozen=True)
class FigureItem:
    """A figure on the page: its id, PNG and caption."""

    id: str
    png: Path
    caption: str = ""


@dataclass(frozen=True)
class PageInputs:
    """What a page is made of; all paths are plain files of the workflow.

    Attributes:
        reported: what the paper reports.
        scale: demo, bench or paper.
        summary: a few sentences on what the paper does.
        claims: ``claims.csv``.
        claims_figure: the forest plot (PNG).
        tables: ``tables/<id>.csv``, each with its ``.json`` beside it.
        table_figures: PNG by table id.
        figures: the paper's own figures, in order.
        cohorts: the data that were used.
        deviations: where we differ from the paper, one entry each.
        runs: ``train.json`` of every run.
        metrics: ``metrics.csv``, linked.
        record: the bench record, if one has been published.
        findings: by claim id, why it may not have reproduced; shown with the record's verdicts.
    """

    reported: Reported
    scale: str
    summary: str
    claims: Path
    claims_figure: Path | None = None
    tables: Sequence[Path] = ()
    table_figures: dict[str, Path] = field(default_factory=dict)
    figures: Sequence[FigureItem] = ()
    cohorts: Sequence[Cohort] = ()
    deviations: Sequence[str] = ()
    runs: Sequence[Path] = ()
    metrics: Path | None = None
    record: Record | None = None
    findings: dict[str, str] = field(default_factory=dict)


def build_page(inputs: PageInputs, out: str | Path) -> None:
    """Write the page; it opens offline, and images are linked relative to it.

    Raises:
        InputError: an input file is broken.
    """
    results = read_claims(inputs.claims)
    tables = [read_table(path, inputs.reported) for path in inputs.tables]
    runs = read_runs(inputs.runs)
    render(
        "page.html.j2",
        out,
        inputs=inputs,
        paper=inputs.reported,
        claims=[claim_view(r) for r in results],
        counts=count_verdicts(results),
        tables=[table_view(table, inputs.reported) for table in tables],
        rule=RULE,
        runs=summarise_runs(runs),
        origin=combine_provenance(runs, provenance()),
        record=record_view(inputs) if inputs.record else None,
    )


def claim_view(result: Result, why: str = "") -> dict[str, Any]:
    """Return a claim's result with its place on the axis, its decimals and what we make of it."""
    return {"result": result, "forest": forest(result), "places": places_for(result), "why": why}


def record_view(inputs: PageInputs) -> dict[str, Any]:
    """Return what the page shows of the bench record."""
    record = inputs.record
    assert record is not None
    return {
        "about": record.about,
        "stale": record.stale,
        "counts": count_verdicts(record.claims),
        "claims": [
            claim_view(r, inputs.findings.get(r.id, "") if r.verdict != REPRODUCED else "")
            for r in record.claims
        ],
        "tables": [table_view(table, inputs.reported) for table in record.tables if table.status != NOT_RUN],
    }


def table_view(result: TableResult, reported: Reported) -> dict[str, Any]:
    """Return a table as rows of ready cells: per metric what is reported, ours, the difference."""
    frame = result.frame
    best = {index for m in result.table.columns for index in best_rows(reported.metrics[m], frame)}
    rows = []
    for _, part in frame.groupby(["method", "setting", "label"], sort=False):
        first = part.iloc[0]
        method = reported.methods[first["method"]]
        mark = method.control or (method.role if method.role in ("proposed", "reference") else "")
        rows.append(
            {
                "name": method.name,
                "about": method.about,
                "role": method.role,
                "mark": mark,
                "condition": " ".join(filter(None, [first["setting"], first["label"]])),
                "ran": bool(part["mean"].notna().any()),
                "cases": int(part["n_cases"].max()),
                "seeds": int(part["n_seeds"].max()),
                "cells": [_cell(row, reported, index in best) for index, row in part.iterrows()],
            }
        )
    return {
        "table": result.table,
        "metrics": [reported.metrics[m] for m in result.table.columns],
        "rows": rows,
        "conditions": any(row["condition"] for row in rows),
        "status": result.status,
        "reasons": result.reasons,
    }


def _cell(row: pd.Series, reported: Reported, best: bool) -> dict[str, Any]:
    metric = reported.metrics[row["metric"]]
    difference = row["difference"]
    return {
        "reported": metric.show(row["reported_mean"]),
        "reported_sd": metric.show(row["reported_sd"]),
        "ours": metric.show(row["mean"]),
        "sd": metric.show(row["sd"]),
        "sd_seeds": metric.show(row["sd_seeds"]),
        "difference": metric.show(difference, signed=True),
        "better": bool(metric.sign and difference * metric.sign > 0),
        "worse": bool(metric.sign and difference * metric.sign < 0),
        "best": best,
    }
