"""A table as a page shows it: heads, rows and cells with all texts ready for the template."""

from collections.abc import Mapping
from itertools import groupby
from math import isfinite
from typing import Any

from mlmi2023.reporting.reported import Metric, Reported
from mlmi2023.reporting.tables.build import TableResult
from mlmi2023.reporting.tables.layout import Grid, GridRow, best_rows, build_grid
from mlmi2023.reporting.tables.markdown import count_range, say_common, spread
from mlmi2023.training.loop.status import NOT_KNOWN, NOT_LEARNED, RISING, SETTLED

#: What each status of a training means, for the legend of a page.
STATUSES = {
    SETTLED: "its validation curve has flattened",
    RISING: "more than a tenth of its gain came in the last quarter of the steps",
    NOT_LEARNED: "its gain is under a twentieth of the way from floor to ceiling",
    NOT_KNOWN: "no curve was kept, so nobody can say whether its networks have learned",
}
#: The texts of a cell.
TEXTS = ("reported", "reported_sd", "ours", "sd", "sd_seeds", "difference", "said")
#: The faintest colour of a difference, in percent.
LEAST_COLOUR = 15
#: More columns than this do not fit a page; a table says that it scrolls.
FITS = 10


def table_view(result: TableResult, reported: Reported) -> dict[str, Any]:
    """Return a table as heads and rows of ready cells.

    Each cell holds what is reported, ours and the difference; ``better`` and ``worse`` say how ours lies to
    the printed value, and are both false where a metric has no better end or the values agree.
    """
    grid = build_grid(reported, result.table, result.frame)
    best = {i for m in result.table.columns for i in best_rows(reported.metrics[m], result.frame)}
    gaps = result.frame["difference"].abs()
    furthest = {m: float(gaps[result.frame["metric"] == m].max()) for m in result.table.columns}
    return {
        "table": result.table,
        "metrics": [reported.metrics[m] for m in result.table.columns],
        "grid": grid,
        "heads": _heads(grid),
        "starts": _starts(grid),
        "common": say_common(grid),
        "labels": _labels(grid, result, reported),
        "rows": [_row(row, grid, best, furthest) for row in grid.rows],
        "conditions": any(row.condition for row in grid.rows),
        "printed": not result.table.own,
        "scrolls": len(grid.columns) * (1 if grid.compact or result.table.own else 3) > FITS,
        "status": result.status,
        "reasons": result.reasons,
        "spread": result.spread.say(reported.metrics[result.table.columns[0]].name),
    }


def _heads(grid: Grid) -> list[list[dict[str, Any]]]:
    """Return the rows of heads above the cells, outermost first, each head with the columns that it spans."""
    several = len({column.metric.id for column in grid.columns}) > 1 or not grid.wide
    named: list[list[tuple[str, ...]]] = []
    if any(column.outer for column in grid.columns):
        named.append([(column.outer,) for column in grid.columns])
    if grid.wide:
        named.append([(column.outer, column.inner) for column in grid.columns])
    starts, levels = _starts(grid), []
    for names in named:
        heads, place = [], 0
        for name, part in groupby(names):
            span = len(list(part))
            heads.append(_head(name[-1], starts[place], span))
            place += span
        levels.append(heads)
    if several:
        levels.append([_head(c.metric.name, start, 1, c.metric) for c, start in zip(grid.columns, starts)])
    return levels


def _head(text: str, edge: bool, span: int, metric: Metric | None = None) -> dict[str, Any]:
    unit, arrow = (metric.unit, metric.arrow) if metric else ("", "")
    return {"text": text, "unit": unit, "arrow": arrow, "edge": edge, "span": span}


def _starts(grid: Grid) -> list[bool]:
    """Return which columns begin a group and get a line at their left."""
    outer = any(column.outer for column in grid.columns)
    keys = [(c.outer if outer else c.inner) if grid.wide else c.metric.id for c in grid.columns]
    one = grid.wide and not outer and len(set(keys)) == len(keys)
    return [i == 0 or (not one and key != keys[i - 1]) for i, key in enumerate(keys)]


def _labels(grid: Grid, result: TableResult, reported: Reported) -> list[tuple[str, str]]:
    """Return the table's labels that the paper's file spells out."""
    used = dict.fromkeys(str(label) for label in result.frame["label"])
    return [(label, reported.label_names[label]) for label in used if label in reported.label_names]


def _row(row: GridRow, grid: Grid, best: set[int], furthest: Mapping[str, float]) -> dict[str, Any]:
    method = row.method
    return {
        "name": method.name,
        "about": method.about,
        "role": method.role,
        "mark": method.control or (method.role if method.role in ("proposed", "reference") else ""),
        "learned": row.learned,
        "condition": row.condition,
        "ran": row.ran,
        "cases": _range(row, "n_cases"),
        "seeds": _range(row, "n_seeds"),
        "cells": [_cell(c.metric, line, best, furthest) for c, line in zip(grid.columns, row.cells)],
    }


def _range(row: GridRow, key: str) -> str:
    fewest, most = count_range(row, key)
    if not most:
        return "all"
    return str(most) if fewest == most else f"{fewest}–{most}"


def _cell(
    metric: Metric, line: dict[str, Any] | None, best: set[int], furthest: Mapping[str, float]
) -> dict[str, Any]:
    """Return a cell's texts; ``far`` is how far ours lies from the printed value, in percent of the most."""
    if line is None:
        return {**dict.fromkeys(TEXTS, ""), "better": False, "worse": False, "best": False, "far": 0}
    difference = line["difference"]
    differs = isfinite(difference) and round(difference, metric.decimals) != 0
    return {
        "reported": metric.show(line["reported_mean"]),
        "reported_sd": metric.show(line["reported_sd"]),
        "ours": metric.show(line["mean"]),
        "sd": metric.show(line["sd"]),
        "sd_seeds": metric.show(line["sd_seeds"]),
        "difference": metric.show(difference, signed=True),
        "said": _said(metric, line),
        "better": bool(metric.sign and differs and difference * metric.sign > 0),
        "worse": bool(metric.sign and differs and difference * metric.sign < 0),
        "best": line["index"] in best,
        "far": max(LEAST_COLOUR, round(100 * abs(difference) / furthest[metric.id])) if differs else 0,
    }


def _said(metric: Metric, line: dict[str, Any]) -> str:
    """Return a cell in words, shown where a pointer rests on it."""
    ours = spread(metric, line["mean"], line["sd"])
    printed = spread(metric, line["reported_mean"], line["reported_sd"])
    seeds, difference = metric.show(line["sd_seeds"]), metric.show(line["difference"], signed=True)
    parts = [
        f"ours {ours} over {line['n_cases'] or 'all'} cases" if ours else "",
        f"between seeds {seeds}" if seeds else "",
        f"printed {printed}" if printed else "",
        f"difference {difference}" if difference else "",
    ]
    return "; ".join(filter(None, parts))
