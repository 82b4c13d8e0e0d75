"""A paper's tables, claims and texts where its datasets are the user's own data.

The paper's methods and measures stay; what it printed was measured on other data, and goes. A dataset that
the paper does not have gets a table of its own.
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from mlmi2023.core.own_data import own_table
from mlmi2023.reporting.reported import Dataset, Reported, Row, Table
from mlmi2023.reporting.samples import Samples

#: so many structures get lines of their own; of more, their mean
STRUCTURES = 20


def with_own_data(reported: Reported, own: Mapping[str, str]) -> Reported:
    """Return what a paper reports, less what it printed on datasets that are the user's own data here.

    Args:
        reported: the paper.
        own: cohort by dataset, as :func:`mlmi2023.core.own_data.own_data` finds them.
    """
    if not own:
        return reported
    tables = {
        name: _bare(table, own[table.dataset]) if table.dataset in own else table
        for name, table in reported.tables.items()
    }
    measures = dict.fromkeys(metric for table in reported.tables.values() for metric in table.columns)
    for dataset, cohort in own.items():
        if dataset not in reported.datasets:
            name = own_table(dataset)
            tables[name] = Table(name, cohort, dataset, tuple(measures), (), own=True)
    added = {name: Dataset(name, own[name]) for name in own if name not in reported.datasets}
    return replace(reported, tables=tables, datasets={**reported.datasets, **added}, own=dict(own))


def _bare(table: Table, cohort: str) -> Table:
    rows = tuple(replace(row, values={}, note="") for row in table.rows)
    return replace(table, about=f"{cohort}, with the methods and measures of {table.about}", rows=rows,
                   note="", own=True)  # fmt: skip


def fill_rows(reported: Reported, table: Table, samples: Samples) -> Table:
    """Return a table of own data with the rows and measures that were run.

    Settings are the methods' and stay; structures are those of the data where the paper's are not there.
    """
    methods = [m for m in reported.methods if m in samples.methods(table.dataset)]
    columns = tuple(m for m in table.columns if samples.conditions(table.dataset, m))
    found = [
        (setting, "" if label == "mean" else label)
        for metric in columns
        for setting, label in samples.conditions(table.dataset, metric)
    ]
    printed = list(dict.fromkeys((row.setting, row.label or "") for row in table.rows))
    kept = [condition for condition in printed if condition in found] or list(dict.fromkeys(found))
    if len({label for _, label in kept}) > STRUCTURES:
        kept = list(dict.fromkeys((setting, "") for setting, _ in kept))
    order = {"reference": 1, "control": 2}
    methods.sort(key=lambda m: order.get(reported.methods[m].role, 0))
    # a control without settings of its own stands for all of them
    kept += [("", label) for label in dict.fromkeys(label for _, label in kept) if ("", label) not in kept]
    rows = tuple(Row(m, {}, setting, label or None) for m in methods for setting, label in kept)
    return replace(table, columns=columns or table.columns[:1], rows=rows)


def rows_of(table: Table, frame: pd.DataFrame) -> Table:
    """Return a table of own data with the rows and measures of its written frame."""
    keys = dict.fromkeys(zip(frame["method"], frame["setting"], frame["label"]))
    rows = tuple(Row(method, {}, setting, label or None) for method, setting, label in keys)
    return replace(table, columns=tuple(dict.fromkeys(frame["metric"])) or table.columns[:1], rows=rows)


def here(reported: Reported, text: str, datasets: Mapping[str, None] | list[str]) -> str:
    """Return a text about datasets of the paper that names the cohorts that they are here."""
    for dataset in datasets:
        if dataset in reported.own:
            name, cohort = reported.datasets[dataset].name, reported.own[dataset]
            text = text.replace(name, cohort) if name in text else f"{text} (here on {cohort})"
    return text
