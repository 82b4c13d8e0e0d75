"""Which patients a cohort has, their classes, and where their images lie; standard library only."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mlmi2023.cohorts.find.patterns import find, natural
from mlmi2023.cohorts.find.splits import read_table, table_place
from mlmi2023.cohorts.forms.classed_scans.options import Read
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest


class Item(NamedTuple):
    """A patient.

    Attributes:
        name: id.
        label: place of the class among all.
        known: probability of the last of two classes, NaN where it is not known.
        files: of each image: a volume, or the slices of a folder.
    """

    name: str
    label: int
    known: float
    files: Mapping[str, list[str]]

    @property
    def all_files(self) -> list[str]:
        """All files of all images."""
        return [file for files in self.files.values() for file in files]


def table_of(read: Read, root: Path) -> Path:
    """Return where the table lies."""
    return table_place(root, read.table.file)


def listed(where: str, read: Read, root: Path) -> list[Item]:
    """Return all patients that are used, in the order of their ids.

    Raises:
        InputError: a column or image is missing, a class is unknown, or an id stands twice.
    """
    rows = _classes(where, read, root)
    images = {name: _files(root, pattern) for name, pattern in read.images.items()}
    found = []
    for subject in sorted(rows, key=natural):
        for name, own in images.items():
            if subject not in own:
                raise InputError(
                    f"{where}: {subject} of {table_of(read, root)} has no file named like "
                    f"'{read.images[name]}' in {root}; add it, or list {subject} under read.leave_out"
                )
            if len(own[subject]) > 1 and not _is_slice(own[subject][0]):
                raise InputError(
                    f"{where}: '{read.images[name]}' finds {len(own[subject])} files of {subject}; make the "
                    "pattern narrower"
                )
        label, known = rows[subject]
        found.append(Item(subject, label, known, {name: own[subject] for name, own in images.items()}))
    if not found:
        raise InputError(f"{where}: the table {table_of(read, root)} has nobody; check read.leave_out")
    return found


def _classes(where: str, read: Read, root: Path) -> dict[str, tuple[int, float]]:
    """Return class and known probability by id."""
    file, own = table_of(read, root), read.table
    rows = read_table(file, where)
    for column in (own.subject, own.target, *([own.known] if own.known else [])):
        if not rows or column not in rows[0]:
            raise InputError(f"{file}: has no column '{column}'{suggest(column, [*(rows or [{}])[0]])}")
    found: dict[str, tuple[int, float]] = {}
    for row in rows:
        subject, value = row[own.subject].strip(), row[own.target].strip()
        if subject in read.leave_out or value.lower() in ("", "n/a", "na", "nan"):
            continue
        if value not in read.classes:
            raise InputError(
                f"{file}: {own.target} of {subject} is '{value}', none of {', '.join(read.classes)}; set "
                "read.classes"
            )
        if subject in found:
            raise InputError(f"{file}: {subject} stands in two lines; remove one")
        found[subject] = ([*read.classes].index(value), _chance(file, subject, row.get(own.known or "", "")))
    return found


def _chance(file: Path, subject: str, text: str) -> float:
    """Return a probability, NaN for an empty text."""
    if not text.strip():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not 0 <= value <= 1:
        raise InputError(f"{file}: '{text}' of {subject} is no probability; correct it")
    return value


def _files(root: Path, pattern: str) -> dict[str, list[str]]:
    """Return the files of a pattern by id."""
    found: dict[str, list[str]] = {}
    for match in find(root, pattern):
        found.setdefault(match.subject, []).append(match.path)
    return found


def _is_slice(file: str) -> bool:
    """Whether a file is a slice of DICOM, which is read with its folder."""
    return file.lower().endswith((".dcm", ".ima", ".dicom"))


def is_series(files: list[str]) -> bool:
    """Whether the files of an image are slices of DICOM."""
    return _is_slice(files[0])
