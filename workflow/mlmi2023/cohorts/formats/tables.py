"""Tables as they come: tidy CSV files of features, targets and columns, or any CSV that the config describes.

The tidy form, which simulators and importers write too:

``features.csv``   first column ``subject``, then one column per feature; empty where a value is missing
``targets.csv``    ``subject`` and one column per target with the name of each subject's class
``columns.csv``    ``column``, ``group``, ``kind``, ``unit`` and, where the truth is known, ``informative``:
                   the targets that the feature truly bears on, separated by blanks
``truth.csv``      optional: ``subject`` and anything else that is known of a stand-in's subjects

Any other CSV takes a few lines in the cohort's configuration::

    kind: folder
    form: table
    root: some/folder
    read:
      file: measurements.csv      # with columns for subject and target; all others are features
      subject: id
      target: diagnosis           # or a list of columns
      drop: [site, visit_date]    # columns that are no features
      missing: ["-4", "?"]        # what stands for a missing value, besides nothing, NA and NaN
      binarise: median            # optional: a numeric target becomes low and high
      classes: {diagnosis: [CN, MCI, AD]}   # optional: their order
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.find.patterns import natural
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
    """

    subjects: list[str]
    columns: list[Column]
    features: np.ndarray
    targets: dict[str, list[str]]
    classes: dict[str, list[str]]
    truth: dict[str, list[str]] = field(default_factory=dict)


def read_raw(where: str, config: dict[str, Any], root: Path) -> RawTable:
    """Read the tidy files below ``root``, or the CSV that the key ``read`` describes.

    Raises:
        InputError: a file or column is missing, a feature is not numeric, a subject stands twice, a target
            is missing for some subject or the same for all.
    """
    read = config.get("read") or {}
    if "file" in read:
        return _read_own(where, read, root)
    return _read_tidy(where, read, root)


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


def read_csv(file: Path, where: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a CSV or TSV file as text; nothing in it is guessed.

    Args:
        file: the table; tab-separated if its name ends with tsv or tab.
        where: how messages name the configuration.
        columns: read only these.

    Raises:
        InputError: the file is missing, broken, or lacks one of ``columns``.
    """
    separator = "\t" if file.suffix in (".tsv", ".tab") else ","
    try:
        head = pd.read_csv(file, sep=separator, dtype=str, nrows=0)
        need_columns(file, list(head.columns), columns or [])
        frame = pd.read_csv(
            file, sep=separator, dtype=str, keep_default_na=False, usecols=columns, low_memory=False
        )
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such file: {file}; give its path") from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{file}: cannot be read as a table ({text}); save it as UTF-8 CSV") from error
    return frame.apply(lambda column: column.str.strip())


def need_columns(file: Path, there: list[str], wanted: list[str]) -> None:
    """Raise an InputError that names the columns a file lacks and what it has in their place."""
    lost = [column for column in wanted if column not in there]
    if lost:
        some = ", ".join(there[:8]) + (" ..." if len(there) > 8 else "")
        raise InputError(
            f"{file}: column {', '.join(lost[:5])} is missing{' and more' if len(lost) > 5 else ''}; "
            f"it has {some}: name the right one in the cohort's key 'read'"
        )


def to_numbers(file: Path, frame: pd.DataFrame, missing: tuple[str, ...] = MISSING) -> np.ndarray:
    """Turn columns of text into (N, D) float32 with NaN for missing values.

    Raises:
        InputError: text stands where a number belongs, or a column has no value at all.
    """
    out = np.empty(frame.shape, dtype=np.float32)
    for place, column in enumerate(frame.columns):
        text = frame[column]
        empty = text.isin(missing).to_numpy()
        values = pd.to_numeric(text.where(~empty), errors="coerce").to_numpy(dtype=float)
        bad = ~empty & ~np.isfinite(values)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InputError(
                f"{file}: column {column}, row {row + 2}: {text.iloc[row]!r} is not a number; correct it, "
                "list it in 'read.missing', or list the column in 'read.drop'"
            )
        if empty.all():
            raise InputError(f"{file}: column {column} has no value; list it in 'read.drop'")
        out[:, place] = values
    return out


def unique_subjects(file: Path, names: list[str]) -> list[str]:
    """Return the subjects if each stands once.

    Raises:
        InputError: one is empty or stands twice.
    """
    seen: dict[str, int] = {}
    for row, name in enumerate(names, start=2):
        if name in seen:
            raise InputError(f"{file}: subject {name} stands in rows {seen[name]} and {row}; keep one")
        if not name:
            raise InputError(f"{file}: row {row} names no subject; give it one or drop the row")
        seen[name] = row
    return names


def classes_of(
    file: Path, target: str, values: list[str], subjects: list[str], order: list[Any] | None = None
) -> list[str]:
    """Return the class names of a target in their order.

    Raises:
        InputError: a subject has no class, all have the same, or ``order`` lacks one that occurs.
    """
    empty = [subject for subject, value in zip(subjects, values) if value in MISSING]
    if empty:
        raise InputError(
            f"{file}: target {target} is missing for {len(empty)} subjects, first {empty[0]}; "
            "drop these rows or fill them in"
        )
    found = sorted(set(values), key=natural)
    if len(found) < 2:
        raise InputError(
            f"{file}: target {target} is {found[0]!r} for all subjects; there is nothing to learn"
        )
    if order is None:
        return found
    named = [str(name) for name in order]
    lost = [name for name in found if name not in named]
    if lost:
        raise InputError(
            f"{file}: target {target} holds {lost[0]!r}, which 'read.classes.{target}' does not list; add it"
        )
    return [name for name in named if name in found]


def _read_tidy(where: str, read: dict[str, Any], root: Path) -> RawTable:
    file = root / "features.csv"
    frame = read_csv(file, where)
    need_columns(file, list(frame.columns), ["subject"])
    subjects = unique_subjects(file, frame.pop("subject").tolist())
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
    classes = _all_classes(root / "targets.csv", targets, subjects, read)
    truth = root / "truth.csv"
    more = _aligned(truth, where, subjects) if truth.exists() else pd.DataFrame()
    return RawTable(
        subjects, columns, features, targets, classes, {str(k): more[k].tolist() for k in more.columns}
    )


def _aligned(file: Path, where: str, subjects: list[str]) -> pd.DataFrame:
    """Read a table of one row per subject and put its rows in the order of ``subjects``."""
    frame = read_csv(file, where)
    need_columns(file, list(frame.columns), ["subject"])
    names = unique_subjects(file, frame["subject"].tolist())
    lost = sorted(set(subjects) ^ set(names))
    if lost:
        raise InputError(
            f"{file}: subject {lost[0]} is in only one of it and features.csv; give both or none"
        )
    return frame.set_index("subject").loc[subjects].reset_index(drop=True)


def _read_own(where: str, read: dict[str, Any], root: Path) -> RawTable:
    file = root / str(read["file"])
    frame = read_csv(file, where)
    subject = str(read.get("subject", "subject"))
    wanted = read.get("target", "target")
    goals = [str(goal) for goal in (wanted if isinstance(wanted, list) else [wanted])]
    drop = [str(column) for column in read.get("drop", [])]
    need_columns(file, list(frame.columns), [subject, *goals, *drop])
    subjects = unique_subjects(file, frame[subject].tolist())
    targets = {goal: frame[goal].tolist() for goal in goals}
    if read.get("binarise"):
        targets = {goal: _binarise(where, file, goal, frame[[goal]], read["binarise"]) for goal in goals}
    features = frame.drop(columns=list({subject, *goals, *drop}))
    if features.shape[1] == 0:
        raise InputError(f"{file}: has no feature besides subject and target; add columns")
    missing = (*MISSING, *map(str, read.get("missing", [])))
    return RawTable(
        subjects,
        [Column(str(name)) for name in features.columns],
        to_numbers(file, features, missing),
        targets,
        _all_classes(file, targets, subjects, read),
    )


def _all_classes(
    file: Path, targets: dict[str, list[str]], subjects: list[str], read: dict[str, Any]
) -> dict[str, list[str]]:
    order = read.get("classes") or {}
    return {
        name: classes_of(file, name, values, subjects, order.get(name)) for name, values in targets.items()
    }


def _binarise(where: str, file: Path, goal: str, frame: pd.DataFrame, rule: str) -> list[str]:
    """Turn a numeric target into ``low`` and ``high``: at most the median, and above it."""
    if rule != "median":
        raise InputError(f"{where}: key 'read.binarise' is {rule!r}; the only choice is median")
    values = to_numbers(file, frame)[:, 0]
    if np.isnan(values).any():
        return ["" if np.isnan(v) else "there" for v in values]  # classes_of says which are missing
    middle = np.median(values)
    return ["high" if value > middle else "low" for value in values]
