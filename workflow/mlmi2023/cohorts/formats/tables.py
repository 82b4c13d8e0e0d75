"""Tables in memory, and in tidy CSV files of features, targets and columns, which simulators write too:

``features.csv``   first column ``subject``, then one column per feature; empty where a value is missing
``targets.csv``    ``subject`` and one column per target with the name of each subject's class
``columns.csv``    ``column``, ``group``, ``kind``, ``unit`` and, where the truth is known, ``informative``:
                   the targets that the feature truly bears on, separated by blanks
``truth.csv``      optional: ``subject`` and anything else that is known of a stand-in's subjects

Any other CSV is described by the cohort's key ``read``: :mod:`mlmi2023.cohorts.forms.table.own`.
"""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mlmi2023.core.errors import InputError

MISSING = ("", "NA", "NaN", "nan", "N/A", "n/a", "null", "NULL")


@dataclass(frozen=True)
class Column:
    """One feature.

    Attributes:
        name: as in the header.
        group: the block that it belongs to (cognitive, MRI ...).
        kind: continuous, ordinal or binary.
        unit: of its values.
        informative: the targets that it truly bears on; None where the truth is not known.
    """

    name: str
    group: str = ""
    kind: str = "continuous"
    unit: str = ""
    informative: tuple[str, ...] | None = None


@dataclass(frozen=True)
class RawTable:
    """A table in memory.

    Attributes:
        subjects: N subjects.
        columns: D features.
        features: (N, D) float32, NaN where missing.
        targets: class name of each subject, by target.
        classes: class names in their order, by target.
        truth: more about each subject, by name; of stand-ins.
        positive: the class that scores of two classes are about, by target; of tables of the user's own.
        notes: rows of what and text, to be said of the table.
    """

    subjects: list[str]
    columns: list[Column]
    features: np.ndarray
    targets: dict[str, list[str]]
    classes: dict[str, list[str]]
    truth: dict[str, list[str]] = field(default_factory=dict)
    positive: dict[str, str] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)


def write_tidy(table: RawTable, root: Path) -> None:
    """Write a table in the tidy form into the folder ``root``; values keep six significant digits."""
    root.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(table.features, columns=[c.name for c in table.columns])
    frame.insert(0, "subject", table.subjects)
    frame.to_csv(root / "features.csv", index=False, float_format="%.6g", lineterminator="\n")
    pd.DataFrame({"subject": table.subjects, **table.targets}).to_csv(
        root / "targets.csv", index=False, lineterminator="\n"
    )
    known = any(c.informative is not None for c in table.columns)
    with open(root / "columns.csv", "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["column", "group", "kind", "unit", *(["informative"] if known else [])])
        for c in table.columns:
            writer.writerow(
                [c.name, c.group, c.kind, c.unit, *([" ".join(c.informative or ())] if known else [])]
            )
    if table.truth:
        pd.DataFrame({"subject": table.subjects, **table.truth}).to_csv(
            root / "truth.csv", index=False, lineterminator="\n"
        )


def to_numbers(file: Path, frame: pd.DataFrame, decimal: str = ".") -> np.ndarray:
    """Turn columns of text into (N, D) float32 with NaN for missing values.

    Args:
        file: where they come from; its line is a row's index and 2.
        frame: the columns.
        decimal: the decimal mark, point or comma; the other one is none.

    Raises:
        InputError: text stands where a number belongs, a number is too large, or a column has no value.
    """
    out = np.empty(frame.shape, dtype=np.float32)
    for place, column in enumerate(frame.columns):
        text = frame[column]
        empty = text.isin(MISSING).to_numpy()
        values = parsed(text.where(~empty), decimal)
        if (bad := ~empty & ~np.isfinite(values)).any():
            row = int(np.flatnonzero(bad)[0])
            raise InputError(
                f"{file}: column {column}, row {text.index[row] + 2}: {_no_number(text.iloc[row], decimal)}"
            )
        if empty.all():
            raise InputError(f"{file}: column {column} has no value; list it in 'read.drop'")
        out[:, place] = narrowed(file, str(column), values)
    return out


def parsed(text: pd.Series, decimal: str = ".") -> np.ndarray:
    """Return the numbers of a column of text, (N,) float64, NaN where there is none."""
    if decimal == ",":
        # points become commas, so that 1.500 is refused and not taken for one and a half
        text = text.str.translate({ord(","): ".", ord("."): ","})
    return pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)


def narrowed(file: Path, column: str, values: np.ndarray) -> np.ndarray:
    """Return numbers (N,) as float32.

    Raises:
        InputError: one is too large for that.
    """
    large = np.abs(values) > np.finfo(np.float32).max
    if large.any():
        raise InputError(
            f"{file}: column {column} holds {values[large][0]:g}, more than 3.4e+38, the largest number that "
            "tables keep; correct it, list it in 'read.missing', or list the column in 'read.drop'"
        )
    return values.astype(np.float32)


def unique_subjects(file: Path, names: pd.Series) -> list[str]:
    """Return the subjects if each stands once.

    Raises:
        InputError: one is empty or stands twice; a row is its index and 2.
    """
    seen: dict[str, int] = {}
    for row, name in zip(names.index + 2, names.tolist()):
        if name in seen:
            raise InputError(f"{file}: subject {name} stands in rows {seen[name]} and {row}; keep one")
        if not name:
            raise InputError(f"{file}: row {row} names no subject; give it one or drop the row")
        seen[name] = row
    return list(seen)


def _no_number(text: str, decimal: str) -> str:
    if decimal == "." and re.fullmatch(r"[-+]?\d*,\d+", text):
        return f"{text!r} has a decimal comma; set 'read.decimal' to ','"
    return (
        f"{text!r} is not a number; correct it, list it in 'read.missing', or list the column in "
        "'read.categories' if it holds names, or in 'read.drop'"
    )
