"""Studies from two small tables beside the images: the layout of simulators, and of one's own data.

``reports.csv`` has the columns image, patient, split, findings, indication and, if there are any, triples:
``entity | relation | value``, with ``;`` between triples. ``regions.csv`` has image, region, x1, y1, x2, y2
(pixels of the file), findings (with ``;`` between them) and, if there are any, phrases (with ``|`` between).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.splits import by_counts, read_table
from mlmi2023.cohorts.forms.radiographs.options import Read
from mlmi2023.cohorts.forms.radiographs.study import Box, Study, Triple
from mlmi2023.core.errors import InputError

REPORTS = ("image", "patient", "split", "findings", "indication", "triples")
BOXES = ("image", "region", "x1", "y1", "x2", "y2", "findings", "phrases")
MAY_LACK = ("split", "indication", "triples", "phrases")
PARTS = ("train", "val", "test")


def studies(where: str, config: Mapping[str, Any], read: Read, root: Path) -> list[Study]:
    """Return the studies of a folder, in the order of the table of reports.

    Args:
        where: how messages name the configuration.
        config: of the cohort; its key ``split`` counts patients, where the table has no column of that name.
        read: how the files are read.
        root: of the files.

    Raises:
        InputError: a table lacks a column, or a row cannot be used.
    """
    rows = _rows(root / read.reports, where, REPORTS)
    own = {row["image"]: _study(root, read, row) for row in rows}
    if len(own) < len(rows):
        raise InputError(f"{root / read.reports}: an image stands in two rows; give each one report")
    boxes: dict[str, dict[str, Box]] = {name: {} for name in own}
    found: dict[str, dict[str, list[str]]] = {name: {} for name in own}
    phrases: dict[str, dict[str, list[str]]] = {name: {} for name in own}
    for number, row in enumerate(_rows(root / read.boxes, where, BOXES), 1):
        name, region = row["image"], row["region"]
        if name not in own:
            raise InputError(f"{root / read.boxes}: row {number}: image '{name}' has no report; add one")
        if region in boxes[name]:
            raise InputError(f"{root / read.boxes}: row {number}: '{region}' of '{name}' stands twice")
        boxes[name][region] = _box(root / read.boxes, number, row)
        found[name][region] = _split(row["findings"], ";")
        phrases[name][region] = _split(row.get("phrases", ""), "|")
    if config.get("split"):
        dealt = by_counts(
            where,
            list(own),
            config["split"],
            config.get("split_seed"),
            {name: study.patient for name, study in own.items()},
        )
    else:
        dealt = {name: study.split for name, study in own.items()}
    for name, study in own.items():
        study.split = dealt.get(name, "")
        study.boxes, study.found, study.phrases = boxes[name], found[name], phrases[name]
    kept = [study for study in own.values() if study.split]
    for study in kept:
        if study.split not in PARTS:
            raise InputError(
                f"{root / read.reports}: split of '{study.name}' is '{study.split}'; use train, val or test, "
                "or give the cohort's key 'split' counts of patients"
            )
    return kept


def _rows(file: Path, where: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    rows = read_table(file, where)
    lost = [c for c in columns if c not in MAY_LACK and (not rows or c not in rows[0])]
    if lost:
        raise InputError(f"{file}: column {lost[0]} is missing, or there are no rows; add it")
    return rows


def _study(root: Path, read: Read, row: Mapping[str, str]) -> Study:
    triples = [_triple(root / read.reports, row["image"], t) for t in _split(row.get("triples", ""), ";")]
    return Study(
        row["image"],
        root / read.images.format(image=row["image"]),
        row["patient"],
        row.get("split", ""),
        row["findings"].strip(),
        row.get("indication", "").strip(),
        triples,
    )


def _triple(file: Path, name: str, text: str) -> Triple:
    parts = tuple(part.strip() for part in text.split("|"))
    if len(parts) != 3 or not all(parts):
        raise InputError(f"{file}: triple '{text[:60]}' of '{name}' is not 'entity | relation | value'")
    return parts  # type: ignore[return-value]


def _box(file: Path, number: int, row: Mapping[str, str]) -> Box:
    try:
        x1, y1, x2, y2 = (float(row[key]) for key in ("x1", "y1", "x2", "y2"))
    except ValueError as error:
        raise InputError(f"{file}: row {number}: a side of the box is no number ({error})") from error
    if not (x1 < x2 and y1 < y2):
        raise InputError(f"{file}: row {number}: the box is empty or turned; give x1 < x2 and y1 < y2")
    return x1, y1, x2, y2


def _split(text: str, by: str) -> list[str]:
    return [part.strip() for part in text.split(by) if part.strip()]
