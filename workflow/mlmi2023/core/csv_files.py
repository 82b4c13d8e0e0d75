"""Read tables of ours: what is wrong with one becomes one line that names file, row and column."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mlmi2023.core.errors import InputError

#: whole numbers are below it: a float holds each of them
LARGEST = 2**53


def read_columns(
    path: str | Path,
    columns: Sequence[str],
    fix: str,
    numbers: Sequence[str] = (),
    whole: Sequence[str] = (),
    words: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Return a CSV file with a header; what is no number is a text, and an empty field an empty text.

    Args:
        path: the file.
        columns: that it must have, in this order.
        fix: what a message tells the user to do.
        numbers: columns of numbers; an empty field is NaN.
        whole: columns of whole numbers.
        words: by column, the texts that may stand there.

    Raises:
        InputError: it is missing, a folder, no text in UTF-8, no table, cut short, or has other columns or
            values.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; {fix.removeprefix('delete it and ')}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {fix}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8 (byte {error.start}); {fix}") from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path}: is empty; {fix}") from error
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise InputError(f"{path}: is no table (its lines do not fit its header); {fix}") from error
    if list(frame.columns) != list(columns):
        found = ",".join(map(str, frame.columns))
        found = repr(found if len(found) <= 60 else f"{found[:57]}...")
        raise InputError(f"{path}: columns must be {','.join(columns)}, not {found}; {fix}")
    for number, line in enumerate(csv.reader(io.StringIO(text))):
        if line and len(line) != len(columns):
            raise InputError(
                f"{path}: row {number} has {len(line)} values, the header has {len(columns)}; {fix}"
            )
    if not text.endswith("\n"):
        raise InputError(f"{path}: is cut short (its last line has no end); {fix}")
    for column in (*numbers, *whole):
        frame[column] = _numbers(frame[column], f"{path}", column, fix, column in whole)
    for column, known in (words or {}).items():
        strange = ~frame[column].isin(known)
        if strange.any():
            row = int(np.flatnonzero(strange)[0])
            found = str(frame[column].iloc[row])[:60]
            named = ", ".join(filter(None, known))
            raise InputError(f"{path}: row {row + 1}: {column} is {found!r}, none of {named}; {fix}")
    return frame


def _numbers(texts: pd.Series, where: str, column: str, fix: str, whole: bool) -> pd.Series:
    given = pd.to_numeric(texts, errors="coerce").astype(float)
    bad = given.isna() & ~texts.isin([] if whole else ["", "nan"])
    if whole:
        bad |= (given % 1 != 0) | (given.abs() >= LARGEST)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        kind = "whole number" if whole else "number"
        raise InputError(f"{where}: row {row + 1}: {column} is {texts.iloc[row][:60]!r}, no {kind}; {fix}")
    return given.astype("int64") if whole else given
