"""Which images a cohort has: whose they are, from which domain, of which grade, and where their maps lie.

Standard library only: this runs whenever the DAG is built.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mlmi2023.cohorts.find.patterns import Match, fields_of, find, natural
from mlmi2023.cohorts.find.splits import read_table, table_place
from mlmi2023.cohorts.forms.domain_images.options import Map, Read, Source, Table
from mlmi2023.core.errors import InputError

#: layout of simulators: tables beside folders of images and maps
IMAGES, MAPS = "images/{subject}.png", "maps/{name}/{{subject}}.png"
SAMPLES, CLASSES, GRADES = "samples.csv", "maps.csv", "grades.csv"


class Item(NamedTuple):
    """One image: its id, whose it is, its domain, its grade (-1: none), and its files."""

    name: str
    patient: str
    domain: str
    grade: int
    photo: str
    maps: Mapping[str, tuple[str, ...]]


def own_layout(root: Path) -> Read:
    """Return how the layout of simulators is read; without its tables, as if they were empty."""
    classes: dict[str, dict[int | str, str]] = {}
    for row in _rows(root / CLASSES):
        classes.setdefault(row["map"], {})[int(row["value"])] = row["name"]
    grades = [row["name"] for row in _rows(root / GRADES)]
    table = Table(file=SAMPLES, patient="patient", domain="domain", grade="grade" if grades else None)
    maps = {name: Map(files=MAPS.format(name=name), classes=own) for name, own in classes.items()}
    return Read(images=IMAGES, table=table, maps=maps, grades=grades or None)


def _rows(file: Path) -> list[dict[str, str]]:
    return read_table(file, "config of the cohort") if file.is_file() else []


def sources_of(read: Read) -> list[Source]:
    """Return the folders that images come from."""
    return read.sources or [Source(images=read.images or IMAGES, table=read.table, domain=read.domain)]


def tables_of(where: str, source: Source, root: Path) -> list[Path]:
    """Return the files of a source's table; its name may hold ``*``.

    Raises:
        InputError: there is none.
    """
    if source.table is None:
        return []
    if "*" not in source.table.file:
        return [table_place(root, source.table.file)]
    found = [Path(match.path) for match in find(root, source.table.file, ())]
    if not found:
        raise InputError(f"{where}: no file fits {root / source.table.file}; check read.table.file")
    return found


def items(where: str, read: Read, root: Path) -> list[Item]:
    """Return all images, domain by domain, in the order of their names.

    An image that the table leaves out, or to which it gives no grade though others have one, is not used.

    Raises:
        InputError: files are missing or ambiguous, or tables do not fit them.
    """
    found: dict[str, Item] = {}
    for source in sources_of(read):
        photos = list(find(root, source.images, fields_of(source.images)))
        if not photos:
            raise InputError(f"{where}: no file fits {root / source.images}; check root and pattern")
        table = _table(where, source, root)
        for photo in photos:
            item = _item(where, read, source, photo, table, root)
            if item is None:
                continue
            if item.name in found:
                raise InputError(
                    f"{where}: '{item.name}' names {found[item.name].photo} and {item.photo}; make the "
                    "pattern narrower, or rename one"
                )
            found[item.name] = item
    if not found:
        raise InputError(f"{where}: no image stands in its table; check read.table.image and the names there")
    domains = list(dict.fromkeys(item.domain for item in found.values()))
    return sorted(found.values(), key=lambda item: (domains.index(item.domain), natural(item.name)))


def _table(where: str, source: Source, root: Path) -> dict[str, dict[str, str]] | None:
    """Return the row of each image by its file's name without ending; None without a table."""
    if source.table is None:
        return None
    rows: dict[str, dict[str, str]] = {}
    for file in tables_of(where, source, root):
        read = read_table(file, where) if source.table.separator is None else _separated(file, source.table)
        columns = list(read[0]) if read else []
        for key in ("image", "patient", "domain", "grade"):
            column = getattr(source.table, key)
            if column is not None and column not in columns:
                raise InputError(
                    f"{file}: has no column '{column}', which 'read.table.{key}' names; it has "
                    f"{', '.join(columns) or 'no rows'}"
                )
        for row in read:
            stem = Path(row[source.table.image]).stem
            if stem in rows and rows[stem] != row:
                raise InputError(f"{file}: image {stem} stands in two rows that differ; keep one")
            rows[stem] = row
    return rows


def _separated(file: Path, table: Table) -> list[dict[str, str]]:
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            return list(csv.DictReader(stream, delimiter=table.separator or ","))
    except (OSError, UnicodeDecodeError, csv.Error, TypeError) as error:
        raise InputError(f"{file}: cannot be read as a table ({error}); save it as UTF-8 CSV") from error


def _item(
    where: str, read: Read, source: Source, photo: Match, table: dict[str, dict[str, str]] | None, root: Path
) -> Item | None:
    fields = dict(photo.fields)
    others = [value for key, value in fields.items() if key not in ("subject", "domain")]
    name, patient = "_".join([fields["subject"], *others]), fields["subject"]
    domain, grade, columns = source.domain or fields.get("domain", ""), -1, source.table
    if table is not None and columns is not None:
        row = table.get(Path(photo.path).stem)
        if row is None:
            return None
        patient = row[columns.patient].strip() if columns.patient else patient
        domain = row[columns.domain].strip() if columns.domain else domain
        if columns.grade:
            text = row[columns.grade].strip()
            if text in ("", "n/a"):
                return None
            grade = _grade(where, read, text, photo.path)
    if not patient or not domain:
        lacks = "domain" if patient else "patient"
        raise InputError(f"{where}: image {photo.path} has no {lacks}; fill it in, in its table")
    maps = {
        key: tuple(_map(where, key, pattern, photo, root) for pattern in own.patterns)
        for key, own in (read.maps or {}).items()
    }
    return Item(name, patient, domain, grade, photo.path, maps)


def _grade(where: str, read: Read, text: str, photo: str) -> int:
    try:
        grade = float(text)
    except ValueError:
        grade = -1.0
    if not read.grades:
        raise InputError(f"{where}: key 'read.grades' is missing; name the grades 0, 1, ... in their order")
    if grade not in range(len(read.grades)):
        raise InputError(
            f"{where}: {photo} has the grade '{text}'; 'read.grades' names 0 to {len(read.grades) - 1}"
        )
    return int(grade)


def _map(where: str, name: str, files: str, photo: Match, root: Path) -> str:
    """Return the one file of a pattern that belongs to an image."""
    found = list(find(root, files, fields_of(files), photo.fields))
    if len(found) != 1:
        lost = files
        for key, value in photo.fields.items():
            lost = lost.replace(f"{{{key}}}", value)
        what = f"has no map {root / lost}" if not found else f"has {len(found)} files of 'read.maps.{name}'"
        raise InputError(f"{photo.path}: {what}; add it, or make the pattern fit")
    return found[0].path
