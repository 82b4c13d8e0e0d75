"""The tidy file: one measured value per row, the only way results travel from scoring to reporting."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.core.csv_files import LARGEST, read_columns
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.json_files import read_object

COLUMNS = ["dataset", "setting", "method", "seed", "fold", "case", "label", "metric", "value"]
KEYS = COLUMNS[:-1]
TEXTS = ["dataset", "setting", "method", "case", "label", "metric"]


def check_metrics(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return ``frame`` with the tidy file's types, or explain what is wrong with it.

    Args:
        frame: columns exactly :data:`COLUMNS`; ``value`` finite or NaN (a value that could not be had).
        where: file name for messages.

    Raises:
        InputError: wrong columns, a value that is no number or infinite, an empty or a repeated key.
    """
    if list(frame.columns) != COLUMNS:
        extra = [c for c in frame.columns if c not in COLUMNS]
        missing = [c for c in COLUMNS if c not in frame.columns]
        raise InputError(
            f"{where}: columns must be exactly {','.join(COLUMNS)} (missing {missing}, unknown {extra})"
        )
    frame = frame.copy()
    for column in TEXTS:
        frame[column] = frame[column].fillna("").astype(str)
    for column in ("seed", "fold"):
        try:
            numbers = pd.to_numeric(frame[column])
            if not ((numbers.abs() < LARGEST) & (numbers % 1 == 0)).all():
                raise ValueError("one is missing, broken or too large")
            frame[column] = numbers.astype("int64")
        except (ValueError, TypeError) as error:
            raise InputError(f"{where}: column {column} must hold whole numbers ({error})") from error
    value = pd.to_numeric(frame["value"], errors="coerce").astype(float)
    bad = value.isna() & frame["value"].notna() & (frame["value"].astype(str) != "nan")
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"{where}: row {row + 1}: value {frame['value'].iloc[row]!r} is not a number")
    if np.isinf(value).any():
        row = int(np.flatnonzero(np.isinf(value))[0])
        raise InputError(f"{where}: row {row + 1}: value is infinite; write nan where a value cannot be had")
    frame["value"] = value
    for column in ("dataset", "method", "metric"):
        if (frame[column] == "").any():
            raise InputError(f"{where}: column {column} is empty in {int((frame[column] == '').sum())} rows")
    twice = frame.duplicated(KEYS)
    if twice.any():
        key = ", ".join(f"{k}={v}" for k, v in frame.loc[twice, KEYS].iloc[0].items())
        raise InputError(
            f"{where}: {int(twice.sum())} rows are there twice, first: {key}; score each case once"
        )
    missing_values = int(value.isna().sum())
    if missing_values:
        warnings.warn(f"{where}: {missing_values} of {len(frame)} values are nan", stacklevel=3)
    return frame


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read and check a tidy file.

    Raises:
        InputError: the file is absent, no such table, or fails :func:`check_metrics`.
    """
    frame = read_columns(path, COLUMNS, "delete it and run again")
    try:
        return check_metrics(frame, str(path))
    except InputError as error:
        raise InputError(f"{error}; delete it and run again") from error


def gather_scores(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return all rows of the score files of several runs.

    Raises:
        InputError: one is not as its run wrote it: the record beside it has another hash.
    """
    files = [Path(path) for path in paths]
    for path in files:
        fix = "delete it and run again"
        if not path.is_file():
            raise InputError(f"{path}: no such file; run again")
        record = read_object(path.with_suffix(".json"), {"scores_hash": str}, fix)
        if file_hash(path) != record["scores_hash"]:
            raise InputError(f"{path}: was changed after the run; {fix}")
    return gather(files)


def write_metrics(rows: pd.DataFrame | Iterable[Mapping[str, Any]], path: str | Path) -> None:
    """Check rows and write them as a tidy file, sorted by key so that the same rows give the same bytes."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if frame.empty and len(frame.columns) == 0:
        frame = pd.DataFrame(columns=COLUMNS)
    if set(frame.columns) == set(COLUMNS):
        frame = frame[COLUMNS]
    frame = check_metrics(frame, str(path)).sort_values(KEYS, kind="stable")
    with atomic(path) as part:
        frame.to_csv(part, index=False, na_rep="nan", lineterminator="\n")


def gather(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return all rows of several tidy files in one frame.

    Raises:
        InputError: a file is bad, or two files hold the same key.
    """
    paths = list(paths)
    frames = [read_metrics(path) for path in paths]
    if not frames:
        return pd.DataFrame(columns=COLUMNS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each file has already said how many nan it holds
        frame = check_metrics(pd.concat(frames, ignore_index=True), f"{len(paths)} metrics files")
    return frame.sort_values(KEYS, kind="stable", ignore_index=True)
