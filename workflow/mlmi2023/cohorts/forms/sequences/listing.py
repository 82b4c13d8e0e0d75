"""Which sequences a cohort has, whose they are, in which split, and where their files lie.

Standard library only: this runs whenever the DAG is built.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.find.patterns import Match, clean, fields_of, find, natural
from mlmi2023.cohorts.find.splits import by_counts, by_file, table_place
from mlmi2023.cohorts.forms.sequences.options import Read
from mlmi2023.core.errors import InputError


class Item(NamedTuple):
    """One sequence: its id, whose it is, its split, and its files by what they are; ``frames`` among them."""

    name: str
    patient: str
    split: str
    files: Mapping[str, str]


def split_table(config: Mapping[str, Any], root: Path) -> Path | None:
    """Return the table of splits, if they come from one."""
    if config.get("split_file"):
        return table_place(root, str(config["split_file"]))
    return None if config.get("split") else root / "splits.csv"


def found_files(read: Read, root: Path) -> list[Path]:
    """Return all files that fit the patterns; a pattern that fits none stands for itself."""
    found: list[Path] = []
    for pattern in (read.frames, *read.patterns.values()):
        own = [Path(match.path) for match in find(root, pattern, fields_of(pattern))]
        found += own or [root / pattern]
    return found


def items(where: str, config: Mapping[str, Any], read: Read, root: Path) -> list[Item]:
    """Return all sequences that are used, in the order of their patients and views.

    Patients to whom the splits give none are left out, with all their views.

    Raises:
        InputError: files are missing or ambiguous, or splits do not fit.
    """
    photos = list(find(root, read.frames, fields_of(read.frames)))
    if not photos:
        raise InputError(f"{where}: no file fits {root / read.frames}; check root and read.frames")
    # ids in tables of splits are cleaned as elsewhere
    patients = {photo.subject: clean(photo.subject) for photo in photos}
    splits = _splits(where, config, root, sorted(set(patients.values()), key=natural))
    found: dict[str, Item] = {}
    for photo in photos:
        split = splits.get(patients[photo.subject])
        if split is None:
            continue
        name = "_".join([photo.subject, *(v for key, v in photo.fields.items() if key != "subject")])
        if name in found:
            raise InputError(
                f"{where}: '{name}' names {found[name].files['frames']} and {photo.path}; make the pattern "
                "narrower"
            )
        files = {"frames": photo.path}
        files |= {key: _one(key, pattern, photo, root) for key, pattern in read.patterns.items()}
        found[name] = Item(name, photo.subject, split, files)
    return [found[name] for name in sorted(found, key=natural)]


def _splits(where: str, config: Mapping[str, Any], root: Path, patients: list[str]) -> dict[str, str]:
    table = split_table(config, root)
    if table is not None:
        return by_file(where, table, patients)
    return by_counts(where, patients, config["split"], config.get("split_seed"))


def _one(what: str, pattern: str, photo: Match, root: Path) -> str:
    """Return the one file of a pattern that belongs to a sequence."""
    found = list(find(root, pattern, fields_of(pattern), photo.fields))
    if len(found) != 1:
        lost = pattern
        for key, value in photo.fields.items():
            lost = lost.replace(f"{{{key}}}", value)
        said = f"has no file {root / lost}" if not found else f"has {len(found)} files of '{pattern}'"
        raise InputError(f"{photo.path}: {said} ({what}); add it, or make the pattern fit")
    return found[0].path
