"""A table of the user's own: any CSV with a row per subject, described by the cohort's key ``read``::

    kind: folder
    form: table
    root: some/folder
    read:
      file: measurements.csv      # with columns for subject and target; all others are features
      subject: id
      target: diagnosis           # or a list of columns
      drop: [visit_date]          # columns that are no features
      categories: [sex, site]     # columns of names: one 0/1 feature for each name, one for two names
      missing: [-4, "?"]          # what stands for a missing value, besides nothing, NA and NaN; a number is
                                  # compared as a number. By column: {age: -9, all: [-4]}
      binarise: median            # optional: a numeric target becomes low and high; or {above: 0}
      classes: {diagnosis: [CN, AD]}   # optional: their order; of two, the last is the positive one
      separator: ";"              # optional: a comma, or in files named tsv and tab a tab
      decimal: ","                # optional: a point
      encoding: latin-1           # optional: UTF-8

Without ``classes``, numbers come in their order, ``low`` before ``high``, all others by name.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.find.patterns import natural
from mlmi2023.cohorts.formats.delimited import (
    NAMELESS,
    Layout,
    lacks_last_newline,
    need_columns,
    read_csv,
)
from mlmi2023.cohorts.formats.tables import MISSING, Column, RawTable, parsed, to_numbers, unique_subjects
from mlmi2023.cohorts.forms.table.options import Own
from mlmi2023.cohorts.forms.table.targets import LOW_HIGH, all_classes, binarised, check_names
from mlmi2023.core.errors import InputError

ALL = "all"
Notes = list[tuple[str, str]]


def read_own(where: str, read: Own, root: Path) -> RawTable:
    """Read the CSV that the key ``read`` describes.

    Raises:
        InputError: the file is broken, a column is missing or has no name, a feature is not numeric, a
            subject stands twice, a target is missing for some subject, the same for all, or a measure.
    """
    file = root / read.file
    frame = read_csv(file, where, layout=Layout(read.separator, read.encoding, keys=True))
    goals = [read.target] if isinstance(read.target, str) else list(read.target)
    drop = [str(column) for column in read.drop]
    codes = _codes(read.missing)
    there = list(frame.columns)
    need_columns(
        file, there, [read.subject, *goals, *drop, *read.categories, *(c for c in codes if c != ALL)]
    )
    subjects = unique_subjects(file, frame[read.subject])
    notes: Notes = []
    if lacks_last_newline(file):
        notes.append(("file", "its last line has no end: if the file was cut, the last value may be too"))
    blanked, unseen = _without_codes(frame, codes, read.decimal)
    _check_targets(file, frame, blanked, goals, subjects)
    targets: dict[str, list[str]] = {}
    for goal in goals:
        if read.binarise is None:
            targets[goal] = frame[goal].tolist()
            if goal not in (read.classes or {}):
                check_names(file, goal, targets[goal])
        else:
            targets[goal], cut = binarised(file, goal, frame[goal], read.binarise, read.decimal)
            notes.append((goal, cut))
    classes = all_classes(file, targets, subjects, read.classes)
    kept = [column for column in there if column not in {read.subject, *goals, *drop}]
    columns, features = _features(file, blanked[kept], read)
    if unseen:
        notes.append(("codes for missing values", f"{', '.join(unseen)} stand in no cell they are meant for"))
    notes += _flat(file, columns, features)
    notes += _tell_tales(columns, features, targets)
    notes += [note for goal in goals for note in _by_name(goal, classes[goal], read)]
    positive = {goal: own[1] for goal, own in classes.items() if len(own) == 2}
    return RawTable(subjects, columns, features, targets, classes, positive=positive, notes=notes)


def _codes(missing: Any) -> dict[str, list[Any]]:
    """Return the codes for missing values by column, those of all columns under ``all``."""
    given = missing if isinstance(missing, dict) else {ALL: missing}
    return {str(c): list(own) if isinstance(own, (list, tuple)) else [own] for c, own in given.items()}


def _without_codes(
    frame: pd.DataFrame, codes: dict[str, list[Any]], decimal: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with empty cells in the place of codes, and the codes that stand nowhere."""
    out, seen = frame.copy(), set()
    for column in frame.columns:
        own = [(ALL, code) for code in codes.get(ALL, [])]
        own += [(column, code) for code in codes.get(column, []) if column != ALL]
        if not own:
            continue
        text = frame[column]
        numbers = parsed(text, decimal)
        gone = np.zeros(len(frame), bool)
        for place, code in own:
            hit = (text == str(code)).to_numpy() | (numbers == _number(code, decimal))
            if hit.any():
                seen.add((place, code))
            gone |= hit
        out[column] = text.mask(gone, "")
    wanted = [(place, code) for place, own_codes in codes.items() for code in own_codes]
    return out, [str(code) for place, code in wanted if (place, code) not in seen]


def _number(code: Any, decimal: str) -> float:
    if isinstance(code, str):
        # as the file would write it, or as YAML does
        return float(parsed(pd.Series([code], dtype=str), decimal if decimal in code else ".")[0])
    return float(code)


def _check_targets(
    file: Path, frame: pd.DataFrame, blanked: pd.DataFrame, goals: list[str], subjects: list[str]
) -> None:
    """A class is no code for a missing value."""
    for goal in goals:
        changed = np.flatnonzero((frame[goal] != blanked[goal]).to_numpy())
        if len(changed):
            value, first = frame[goal].iloc[changed[0]], subjects[changed[0]]
            raise InputError(
                f"{file}: target {goal} holds {value!r}, a code of 'read.missing', for {len(changed)} "
                f"subjects, first {first}; drop these rows, or give the codes by column"
            )


def _features(file: Path, frame: pd.DataFrame, read: Own) -> tuple[list[Column], np.ndarray]:
    """Return the features in the order of the file, (N, D) float32, names as 0 and 1."""
    if frame.shape[1] == 0:
        raise InputError(f"{file}: has no feature besides subject and target; add columns")
    columns: list[Column] = []
    values: list[np.ndarray] = []
    for name in frame.columns:
        if name.startswith(NAMELESS):
            raise InputError(
                f"{file}: column {int(name.removeprefix(NAMELESS)) + 1} has no name; name it, or list "
                f"'{name}' in 'read.drop'"
            )
        if name in read.categories:
            levels, own = _one_hot(file, frame[name], read.decimal)
            columns += [Column(f"{name}={level}", kind="binary") for level in levels]
            values += list(own.T)
        else:
            columns.append(Column(name))
            values.append(to_numbers(file, frame[[name]], read.decimal)[:, 0])
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        twin = next(name for place, name in enumerate(names) if name in names[:place])
        raise InputError(f"{file}: a column and a category are both called {twin}; rename the column")
    return columns, np.stack(values, axis=1)


def _one_hot(file: Path, text: pd.Series, decimal: str) -> tuple[list[str], np.ndarray]:
    """Return names, of two the second alone, and (N, names) float32: 1 where it stands, NaN where missing."""
    empty = text.isin(MISSING).to_numpy()
    if empty.all():
        raise InputError(f"{file}: column {text.name} has no value; list it in 'read.drop'")
    numbers = parsed(text.where(~empty), decimal)
    # 1 and 1.0 are one site
    names = text if np.isnan(numbers[~empty]).any() else pd.Series([f"{n:g}" for n in numbers], text.index)
    levels = sorted(set(names[~empty]), key=natural)
    if 2 * len(levels) > (~empty).sum():
        raise InputError(
            f"{file}: column {text.name} has {len(levels)} names for {(~empty).sum()} subjects; it is no "
            "category: leave it out of 'read.categories', and list it in 'read.drop' if it is no number"
        )
    shown = levels[1:] if len(levels) == 2 else levels
    own = np.stack([(names == level).to_numpy(np.float32) for level in shown], axis=1)
    own[empty] = np.nan
    return shown, own


def _by_name(goal: str, classes: list[str], read: Own) -> Notes:
    """Return a line on a positive class that nobody chose."""
    numeric = np.isfinite(parsed(pd.Series(classes, dtype=str))).all()
    if len(classes) != 2 or goal in (read.classes or {}) or classes == LOW_HIGH or numeric:
        return []
    return [(goal, f"{classes[1]} is the positive class, being last by name; 'read.classes.{goal}' sets it")]


def _flat(file: Path, columns: list[Column], features: np.ndarray) -> Notes:
    """Return a line on features of one value; a table must have others."""
    flat = np.nanmin(features, axis=0) == np.nanmax(features, axis=0)
    if flat.all():
        raise InputError(
            f"{file}: every feature has one value for all subjects; there is nothing to learn from"
        )
    names = [column.name for column, own in zip(columns, flat) if own]
    if not names:
        return []
    return [("constant", f"{_some(names)}: one value for all subjects, which tells nothing")]


def _tell_tales(columns: list[Column], features: np.ndarray, targets: dict[str, list[str]]) -> Notes:
    """Return a warning of features that are a target in other words."""
    notes: Notes = []
    for goal, classes in targets.items():
        numbers = np.unique(classes, return_inverse=True)[1]
        names = []
        for column, values in zip(columns, features.T):
            pairs = np.unique(np.stack([values, numbers]), axis=1)
            if not np.isnan(values).any() and pairs.shape[1] == len(set(pairs[0])) == len(set(pairs[1])):
                names.append(column.name)
        if names:
            text = f"{_some(names)} has one value for each class: if it is the target itself, drop it"
            notes.append((f"told by one feature: {goal}", text))
    return notes


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
