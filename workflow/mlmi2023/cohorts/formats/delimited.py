"""Delimited text files (CSV, TSV), read as text: nothing in them is guessed, nothing broken is filled in.

pandas takes rows that are longer than the header for rows with an index, fills short ones up and renames
columns that stand twice. So the shape of a file is looked at first.
"""

import bz2
import csv
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pandas as pd

from mlmi2023.core.errors import InputError

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, pd.errors.ParserError)
#: what pandas calls a column without a name, counted from 0
NAMELESS = "Unnamed: "


class Layout(NamedTuple):
    """How a file is written.

    Attributes:
        separator: between fields; None: a tab if the file's name ends with tsv or tab, else a comma.
        encoding: of the text; None: UTF-8.
        keys: whether the cohort's key ``read`` can say so, and messages shall name it.
    """

    separator: str | None = None
    encoding: str | None = None
    keys: bool = False


PLAIN = Layout()


def read_csv(
    file: Path, where: str, columns: list[str] | None = None, layout: Layout = PLAIN
) -> pd.DataFrame:
    """Read a table as text without blanks around values; columns without a name are ``Unnamed: 0`` and so on.

    Args:
        file: the table; may be compressed (gz, bz2, xz).
        where: how messages name the configuration.
        columns: read only these.
        layout: how it is written.

    Raises:
        InputError: the file is missing or broken, a row is longer or shorter than the header, a column stands
            twice or is none of ``columns``, or there is no row.
    """
    try:
        with _opened(file, layout) as stream:
            head = _header(file, stream, layout)
            need_columns(file, head, columns or [])
            stream.seek(0)
            frame = pd.read_csv(
                stream,
                sep=separator_of(file, layout),
                header=0,
                names=head,
                index_col=False,
                dtype=str,
                keep_default_na=False,
                usecols=columns,
                low_memory=False,
            )
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such file: {file}; give its path") from error
    except UnicodeError as error:
        raise InputError(f"{file}: {_encoding(file, layout)}") from error
    except BROKEN as error:
        text = " ".join(str(error).split())
        raise InputError(f"{file}: cannot be read as a table ({text}); save it as UTF-8 CSV") from error
    if frame.empty:
        raise InputError(f"{file}: has a header and no rows; add rows")
    return frame.apply(lambda column: column.str.strip())


def read_header(file: Path, where: str) -> list[str]:
    """Return the names of a table's columns alone; for what it raises see :func:`read_csv`."""
    try:
        with _opened(file, PLAIN) as stream:
            lines = _lines(file, stream, PLAIN, [""])
            return _names(file, next(csv.reader(lines, delimiter=separator_of(file))))
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such file: {file}; give its path") from error
    except UnicodeError as error:
        raise InputError(f"{file}: {_encoding(file, PLAIN)}") from error
    except (*BROKEN, StopIteration, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as a table ({error}); save it as UTF-8 CSV") from error


def need_columns(file: Path, there: list[str], wanted: list[str]) -> None:
    """Raise an InputError that names the columns a file lacks and what it has in their place."""
    lost = [column for column in wanted if column not in there]
    if lost:
        some = ", ".join(there[:8]) + (" ..." if len(there) > 8 else "")
        raise InputError(
            f"{file}: column {', '.join(lost[:5])} is missing{' and more' if len(lost) > 5 else ''}; "
            f"it has {some}: name the right one in the cohort's key 'read'"
        )


def separator_of(file: Path, layout: Layout = PLAIN) -> str:
    """Return what stands between the fields of a file."""
    name = file.with_suffix("") if file.suffix in OPENERS else file
    return layout.separator or ("\t" if name.suffix in (".tsv", ".tab") else ",")


def lacks_last_newline(file: Path) -> bool:
    """Return whether a file that is not compressed ends within a line, as one that was cut does."""
    if file.suffix in OPENERS:
        return False  # a cut one cannot be unpacked
    with open(file, "rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - 2))
        return not set(stream.read()) & set(b"\r\n")


def _opened(file: Path, layout: Layout) -> TextIO:
    with open(file, "rb") as stream:
        if stream.read(4) == b"PK\x03\x04":
            raise InputError(f"{file}: is a workbook or a zip archive; save the table as CSV")
    opener = OPENERS.get(file.suffix, open)
    return opener(file, "rt", encoding=layout.encoding or "utf-8-sig", newline="")  # type: ignore[no-any-return]


def _encoding(file: Path, layout: Layout) -> str:
    if layout.encoding:
        return f"is not text in {layout.encoding}; correct 'read.encoding'"
    with open(file, "rb") as stream:
        start = stream.read(200)
    likely = "utf-16" if b"\0" in start or start[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    cure = f", or set 'read.encoding', perhaps to {likely}" if layout.keys else ""
    return f"is not UTF-8 text; save it as UTF-8{cure}"


def _lines(file: Path, stream: TextIO, layout: Layout, last: list[str]) -> Iterator[str]:
    """Yield the lines of a text and keep the last one."""
    for line in stream:
        if "\0" in line:
            raise InputError(f"{file}: {_encoding(file, layout)}")
        last[0] = line
        yield line


def _header(file: Path, stream: TextIO, layout: Layout) -> list[str]:
    """Return the names of the columns, if all rows have as many fields as the header."""
    separator, read = separator_of(file, layout), [""]
    rows = csv.reader(_lines(file, stream, layout, read), delimiter=separator, strict=True)
    try:
        head = next((row for row in rows if not _blank(row)), None)
        if head is None:
            raise InputError(f"{file}: is empty; give a table with a header")
        if len(head) == 1:
            _check_separator(file, head[0], separator, layout)
        names = _names(file, head)
        for row in rows:
            if len(row) != len(head) and not _blank(row):
                whole = read[0].endswith(("\n", "\r"))
                raise InputError(f"{file}: {_odd_row(rows.line_num, row, len(head), whole)}")
    except csv.Error as error:
        if "end of data" in str(error) or "field limit" in str(error):
            text = "a quote is opened and not closed; close it, or copy the file again if it was cut"
        else:
            text = f"{error}; write quotes inside of a quoted text twice"
        raise InputError(f"{file}: line {rows.line_num}: {text}") from error
    return names


def _blank(row: list[str]) -> bool:
    return not row or (len(row) == 1 and not row[0].strip())


def _check_separator(file: Path, head: str, separator: str, layout: Layout) -> None:
    others = [other for other in ";\t,|" if other != separator]
    likely = max(others, key=head.count)
    if likely in head:
        cure = f"set 'read.separator' to {likely!r}" if layout.keys else f"put {separator!r} between columns"
        raise InputError(f"{file}: its header is the one column {head[:40]!r}; {cure}")


def _names(file: Path, head: list[str]) -> list[str]:
    names = [name.strip() or f"{NAMELESS}{place}" for place, name in enumerate(head)]
    for place, name in enumerate(names):
        first = names.index(name)
        if first != place:
            raise InputError(
                f"{file}: column {name} stands twice (columns {first + 1} and {place + 1}); "
                "remove or rename one"
            )
    return names


def _odd_row(line: int, row: list[str], wanted: int, whole: bool) -> str:
    said = f"line {line} has {len(row)} fields, the header {wanted}; "
    if len(row) > wanted and not row[-1].strip():
        return said + "remove the separators at the end of rows"
    if len(row) > wanted:
        return said + "name each column, and put texts and numbers that hold the separator in quotes"
    if not whole:
        return said + "the file ends in the middle of a row: copy it again"
    return said + "the row is cut short: complete it"
