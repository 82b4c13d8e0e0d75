"""A table as Markdown, in the shape that the paper gives it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.reporting.reported import Metric, Reported, Table
from mlmi2023.reporting.tables.layout import Column, Grid, GridRow, best_rows, build_grid


def markdown(reported: Reported, table: Table, frame: pd.DataFrame, remarks: Sequence[str] = ()) -> str:
    """Return the table as Markdown, our best in bold.

    Methods by conditions, and tables of many metrics, hold ``ours (printed)`` in each cell; others have
    columns for reported, ours and the difference.

    Args:
        reported: the paper.
        table: what it prints.
        frame: the long form.
        remarks: what must be known before it is read, a line each.
    """
    grid = build_grid(reported, table, frame)
    best = {index for metric in table.columns for index in best_rows(reported.metrics[metric], frame)}
    conditions = any(row.condition for row in grid.rows)
    trained = any(row.learned for row in grid.rows)
    head = ["method", *["setting"] * conditions, "cases", "seeds", *["learned"] * trained]
    for column in grid.columns:
        head += (
            [_head(column, grid)]
            if grid.compact or table.own
            else [f"{_head(column, grid)}, reported", "ours", "difference"]
        )
    lines = [f"**{table.about}**", ""]
    for remark in remarks:
        lines += [f"> {remark}", ""]
    if said := say_common(grid):
        lines += [said, ""]
    if grid.compact and not table.own:
        lines += ["Each cell: ours (printed).", ""]
    lines += ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in grid.rows:
        cells = [row.method.name, *[row.condition] * conditions]
        cells += [_count(row, "n_cases"), _count(row, "n_seeds"), *[row.learned] * trained]
        for column, line in zip(grid.columns, row.cells):
            cells += _cells(column.metric, line, best, row.ran, grid.compact or table.own)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *([table.note] if table.note else [])]).rstrip() + "\n"


def _head(column: Column, grid: Grid) -> str:
    metric = column.metric
    unit = f" ({metric.unit})" if metric.unit else ""
    name = f"{metric.name}{unit} {metric.arrow}".strip()
    several = len({c.metric.id for c in grid.columns}) > 1 or not grid.wide
    return ", ".join(filter(None, [column.outer, column.inner, name if several else ""]))


def say_common(grid: Grid) -> str:
    """Return what holds for all cells: the one metric of a wide table, and what all settings share."""
    metrics = {column.metric.id: column.metric for column in grid.columns}
    said = []
    if grid.wide and len(metrics) == 1:
        (metric,) = metrics.values()
        said.append(
            " ".join(filter(None, [metric.name, f"({metric.unit})" if metric.unit else "", metric.arrow]))
        )
    if grid.common:
        said.append(f"all {grid.common}")
    return "; ".join(said)


def count_range(row: GridRow, key: str) -> tuple[int, int]:
    """Return the fewest and most cases or seeds of a row's values."""
    counts = [int(line[key]) for line in row.lines() if line["mean"] == line["mean"]]
    return min(counts, default=0), max(counts, default=0)


def _count(row: GridRow, key: str) -> str:
    fewest, most = count_range(row, key)
    if not row.ran:
        return ""
    return str(most) if fewest == most else f"{fewest}–{most}"


def _cells(
    metric: Metric, line: dict[str, Any] | None, best: set[int], ran: bool, compact: bool
) -> list[str]:
    if line is None:
        return [""] * (1 if compact else 3)
    ours = spread(metric, line["mean"], line["sd"]) or ("" if ran else "not run")
    if line["index"] in best:
        ours = f"**{ours}**"
    printed = spread(metric, line["reported_mean"], line["reported_sd"])
    if compact:
        return [f"{ours} ({printed})".strip() if printed else ours]
    return [printed, ours, metric.show(line["difference"], signed=True)]


def spread(metric: Metric, mean: float, sd: float) -> str:
    """Return ``mean ± sd`` with the metric's decimals."""
    text = metric.show(mean)
    return f"{text} ± {metric.show(sd)}" if text and np.isfinite(sd) else text
