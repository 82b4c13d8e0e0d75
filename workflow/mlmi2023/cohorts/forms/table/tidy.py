"""The tidy form of a table; see :mod:`mlmi2023.cohorts.formats.tables`."""

from pathlib import Path
from typing import Any

import pandas as pd

from mlmi2023.cohorts.formats.delimited import need_columns, read_csv
from mlmi2023.cohorts.formats.tables import Column, RawTable, to_numbers, unique_subjects
from mlmi2023.cohorts.forms.table.targets import all_classes
from mlmi2023.core.errors import InputError


def read_tidy(where: str, classes: dict[str, list[Any]] | None, root: Path) -> RawTable:
    """Read the tidy files below ``root``.

    Args:
        where: how messages name the configuration.
        classes: order of classes, by target.
        root: their folder.

    Raises:
        InputError: a file or column is missing, a feature is not numeric, a subject stands twice, a target
            is missing for some subject or the same for all.
    """
    file = root / "features.csv"
    frame = read_csv(file, where)
    need_columns(file, list(frame.columns), ["subject"])
    subjects = unique_subjects(file, frame.pop("subject"))
    goals = _aligned(root / "targets.csv", where, subjects)
    features = to_numbers(file, frame)
    about = read_csv(root / "columns.csv", where)
    need_columns(root / "columns.csv", list(about.columns), ["column", "group", "kind", "unit"])
    rows = {row["column"]: row for row in about.to_dict("records")}
    lost = [name for name in frame.columns if name not in rows]
    if lost:
        raise InputError(f"{root / 'columns.csv'}: no row for the feature {lost[0]}; add one")
    known = "informative" in about.columns
    columns = [
        Column(
            name,
            rows[name]["group"],
            rows[name]["kind"],
            rows[name]["unit"],
            tuple(rows[name]["informative"].split()) if known else None,
        )
        for name in frame.columns
    ]
    targets = {str(name): goals[name].tolist() for name in goals.columns}
    orders = all_classes(root / "targets.csv", targets, subjects, classes)
    truth = root / "truth.csv"
    more = _aligned(truth, where, subjects) if truth.exists() else pd.DataFrame()
    known_of_subjects = {str(k): more[k].tolist() for k in more.columns}
    return RawTable(subjects, columns, features, targets, orders, known_of_subjects)


def _aligned(file: Path, where: str, subjects: list[str]) -> pd.DataFrame:
    """Read a table of one row per subject and put its rows in the order of ``subjects``."""
    frame = read_csv(file, where)
    need_columns(file, list(frame.columns), ["subject"])
    names = unique_subjects(file, frame["subject"])
    lost = sorted(set(subjects) ^ set(names))
    if lost:
        raise InputError(
            f"{file}: subject {lost[0]} is in only one of it and features.csv; give both or none"
        )
    return frame.set_index("subject").loc[subjects].reset_index(drop=True)
