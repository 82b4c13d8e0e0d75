"""The shape of a table, methods by settings or row by row, and what stands in its cells.

A table that the paper prints as methods by organs, sites, subsets or settings is one here too, on pages and
in Markdown. ``tables/<id>.csv`` keeps the long form, a line per method, setting, label and metric.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from mlmi2023.reporting.names import setting_factors
from mlmi2023.reporting.reported import Method, Metric, Reported, Table
from mlmi2023.training.loop.status import NOT_KNOWN, NOT_LEARNED, RISING, SETTLED

Condition = tuple[str, str]
#: A row per method needs a few methods, and a paper that prints most of its cells.
LEAST_METHODS = 3
MOST_EMPTY = 1 / 3
#: With more columns than this, a cell holds our value with the printed one beneath, instead of three columns.
ROOMY = 4
#: From bad to good; a row with several shows the worst.
ORDER = (NOT_LEARNED, NOT_KNOWN, RISING, SETTLED, "")


@dataclass(frozen=True)
class Column:
    """A column of cells: a metric and, in a wide table, the condition that it stands under.

    Attributes:
        metric: the metric.
        outer: the head that neighbours share; empty without one.
        inner: the head of the condition; empty in a long table.
    """

    metric: Metric
    outer: str = ""
    inner: str = ""


@dataclass(frozen=True)
class GridRow:
    """A row of cells.

    Attributes:
        method: the method.
        condition: what the row stands under in a long table; empty in a wide one.
        cells: the line of the table's frame in each column, or None; with its index there as ``index``.
        learned: the worst status of its trainings; empty if it is not trained.
    """

    method: Method
    condition: str
    cells: tuple[dict[str, Any] | None, ...]
    learned: str

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines that are there."""
        return [cell for cell in self.cells if cell is not None]

    @property
    def ran(self) -> bool:
        """Whether it has a value in any column."""
        return any(line["mean"] == line["mean"] for line in self.lines())


@dataclass(frozen=True)
class Grid:
    """A table as rows and columns.

    Attributes:
        wide: whether conditions are columns.
        common: what all conditions share, such as ``resolution 5``.
    """

    wide: bool
    columns: tuple[Column, ...]
    rows: tuple[GridRow, ...]
    common: str

    @property
    def compact(self) -> bool:
        """Whether there are too many columns to give each cell three of its own."""
        return self.wide or len(self.columns) > ROOMY


def is_wide(table: Table) -> bool:
    """Return whether a table is one of methods by conditions, from what the paper prints in it."""
    methods = len({row.method for row in table.rows})
    conditions = len(conditions_of(table))
    full = len(table.rows) >= (1 - MOST_EMPTY) * methods * conditions
    return methods >= LEAST_METHODS and conditions > 1 and full


def conditions_of(table: Table) -> list[Condition]:
    """Return the settings and labels of the printed rows, in their order."""
    return list(dict.fromkeys((row.setting, row.label or "") for row in table.rows))


def build_grid(reported: Reported, table: Table, frame: pd.DataFrame) -> Grid:
    """Return a table's cells in the shape that :func:`is_wide` chooses.

    A control without settings of its own stands under every setting of a wide table, as it does when controls
    are checked.

    Args:
        reported: the paper.
        table: what it prints.
        frame: the table's long form.
    """
    metrics = [reported.metrics[m] for m in table.columns]
    heads = Heads(reported, conditions_of(table))
    places = [str(p) for p in frame.columns]
    lines = {
        (line["method"], line["setting"], line["label"], line["metric"]): line
        for line in ({**dict(zip(places, row[1:])), "index": row[0]} for row in frame.itertuples(name=None))
    }
    rows = []
    if is_wide(table):
        spots = [(condition, metric) for condition in heads.conditions for metric in metrics]
        columns = [Column(metric, *heads.of(condition)) for condition, metric in spots]
        for method in dict.fromkeys(key[0] for key in lines):
            free = reported.methods[method].role == "control"
            cells = [
                lines.get((method, *condition, metric.id))
                or (lines.get((method, "", condition[1], metric.id)) if free else None)
                for condition, metric in spots
            ]
            rows.append(_row(reported.methods[method], "", cells))
    else:
        columns = [Column(metric) for metric in metrics]
        for method, *condition in dict.fromkeys(key[:3] for key in lines):
            cells = [lines.get((method, *condition, metric.id)) for metric in metrics]
            rows.append(_row(reported.methods[method], heads.text(tuple(condition)), cells))
    return Grid(is_wide(table), tuple(columns), tuple(rows), heads.common)


def _row(method: Method, condition: str, cells: Sequence[dict[str, Any] | None]) -> GridRow:
    statuses = [cell["learned"] for cell in cells if cell is not None]
    return GridRow(method, condition, tuple(cells), min(statuses, key=ORDER.index, default=""))


class Heads:
    """How the conditions of a table are named: what they share once, what differs in the head of each.

    Attributes:
        conditions: settings and labels, in their order.
        common: what all share.
    """

    def __init__(self, reported: Reported, conditions: Sequence[Condition]) -> None:
        self.conditions = list(conditions)
        self._order = list(reported.factors)
        parts = [self._parts(condition) for condition in self.conditions]
        keys = list(dict.fromkeys(key for part in parts for key in part))
        values = {key: [part.get(key, "") for part in parts] for key in keys}
        shared = [key for key in keys if len(set(values[key])) == 1]
        self.common = ", ".join(parts[0][key] for key in shared)

        def changes(key: str) -> int:
            return sum(a != b for a, b in pairwise(values[key]))

        # what changes least often is the outer head
        self._varying = sorted((key for key in keys if key not in shared), key=changes)
        outers = [self._join(part, self._varying[:-1]) for part in parts]
        self._grouped = any(a == b for a, b in pairwise(outers)) and any(outers)

    def _parts(self, condition: Condition) -> dict[str, str]:
        setting, label = condition
        factors = setting_factors(setting)
        found = {key: _say(key, factors[key]) for key in sorted(factors, key=self._place)}
        if setting and not factors:
            found["setting"] = setting
        if label:
            found["label"] = label
        return found

    def _place(self, key: str) -> int:
        return self._order.index(key) if key in self._order else len(self._order)

    @staticmethod
    def _join(parts: dict[str, str], keys: Sequence[str]) -> str:
        return ", ".join(parts[key] for key in keys if key in parts)

    def text(self, condition: Condition) -> str:
        """Return what sets a condition apart from the others."""
        return self._join(self._parts(condition), self._varying)

    def of(self, condition: Condition) -> tuple[str, str]:
        """Return the outer and the inner head of a condition; without groups the outer one is empty."""
        if not self._grouped:
            return "", self.text(condition)
        parts = self._parts(condition)
        return self._join(parts, self._varying[:-1]), self._join(parts, self._varying[-1:])


def _say(key: str, value: str) -> str:
    """Return a factor's level; a number needs the factor's name, a word speaks for itself."""
    try:
        float(value)
    except ValueError:
        return value
    return f"{key.replace('_', ' ')} {value}"


def best_rows(metric: Metric, frame: pd.DataFrame) -> list[int]:
    """Return the index of our best mean per setting and label, controls left out; ties give several.

    Nothing is best where a network has not learned, or where it is not known whether it has: then none is.
    """
    rows = frame[(frame["metric"] == metric.id) & (frame["role"] != "control")].dropna(subset=["mean"])
    best: list[int] = []
    if metric.sign:
        for _, part in rows.groupby(["setting", "label"], sort=False):
            shown = (part["mean"] * metric.sign).round(metric.decimals)
            top = part[shown == shown.max()]
            best += [int(i) for i in top.index[~top["learned"].isin([NOT_LEARNED, NOT_KNOWN])]]
    return best
