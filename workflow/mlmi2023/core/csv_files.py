"""Read tables of ours: what is wrong with one becomes one line that names file, row and column."""

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
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        ending = _ending(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; {fix.removeprefix('delete it and ')}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {fix}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8; {fix}") from error
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise InputError(f"{path}: is no table ({' '.join(str(error).split())}); {fix}") from error
    if list(frame.columns) != list(columns):
        found = ",".join(map(str, frame.columns))
        found = repr(found if len(found) <= 60 else f"{found[:57]}...")
        raise InputError(f"{path}: columns must be {','.join(columns)}, not {found}; {fix}")
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError(f"{path}: has rows that are longer than the header; {fix}")
    if ending != b"\n":
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


def _ending(path: Path) -> bytes:
    """Return the last byte of a file."""
    with open(path, "rb") as stream:
        stream.seek(-1, 2)
        return stream.read()


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
