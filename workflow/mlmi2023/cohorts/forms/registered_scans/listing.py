"""Which images there are of which patient; standard library only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.find.patterns import find, natural
from mlmi2023.cohorts.find.splits import read_table
from mlmi2023.cohorts.forms.registered_scans.options import Read
from mlmi2023.cohorts.forms.scans.listing import split_scans
from mlmi2023.core.errors import InputError

#: endings of slices, of which a folder holds one series
SLICES = (".dcm", ".ima")
PATIENTS = "patients.csv"


class Row(NamedTuple):
    """A patient.

    Attributes:
        subject: the id.
        split: train, val, test, or another word.
        site: scanner; may be empty.
        images: candidates by the image's name: files, or folders of slices, in natural order; ``choose``
            leaves one, except where labels are to choose.
        labels: the label map.
    """

    subject: str
    split: str
    site: str
    images: dict[str, list[str]]
    labels: str


def list_patients(where: str, config: Mapping[str, Any], read: Read, root: Path) -> list[Row]:
    """Return every patient with a label map, in natural order.

    Raises:
        InputError: nothing is named as the patterns say, an image is missing, there are several and none is
            chosen, or a split does not fit.
    """
    labels = _found(root, read.labels)
    images = {name: _found(root, pattern) for name, pattern in read.images.items()}
    for pattern, found in ((read.labels, labels), *((read.images[name], images[name]) for name in images)):
        if not found:
            from mlmi2023.cohorts.forms import _how_to_get

            raise InputError(
                f"{where}: no file in {root} is named like '{pattern}'; {_how_to_get(dict(config))}"
            )
    rows = []
    subjects = sorted(labels, key=natural)
    table = {}
    if read.split is None and (root / PATIENTS).is_file():
        table = {row["subject"]: row for row in read_table(root / PATIENTS, "form 'registered_scans'")}
    splits = split_scans(where, "all" if read.split is None else read.split, subjects, {})
    for subject in subjects:
        lost = [name for name in images if subject not in images[name]]
        if subject not in splits or (lost and read.missing == "leave_out"):
            continue
        if lost:
            raise InputError(
                f"{where}: subject {subject} has labels and no file named like '{read.images[lost[0]]}' in "
                f"{root}; add it, or set read.missing to leave_out"
            )
        own = table.get(subject, {})
        several = labels[subject]
        if len(several) > 1:
            raise InputError(
                f"{where}: '{read.labels}' finds two label maps of subject {subject}: {several[0]} and "
                f"{several[1]}; make the pattern narrower or remove one"
            )
        chosen = {name: _chosen(where, name, found[subject], read) for name, found in images.items()}
        split, site = own.get("split", splits[subject]), own.get("scanner", "")
        rows.append(Row(subject, split, site, chosen, several[0]))
    if not rows:
        raise InputError(f"{where}: no subject with labels has all images; check the patterns of read.images")
    return rows


def files_of(row: Row) -> list[Path]:
    """Return the files of a patient, slices one by one."""
    found = [Path(row.labels)]
    for candidates in row.images.values():
        for path in map(Path, candidates):
            found += sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    return found


def _found(root: Path, pattern: str) -> dict[str, list[str]]:
    """Return files, or folders of slices, by subject."""
    found: dict[str, dict[str, None]] = {}
    for match in find(root, pattern):
        path = str(Path(match.path).parent) if pattern.lower().endswith(SLICES) else match.path
        found.setdefault(match.subject, {})[path] = None
    return {subject: sorted(paths, key=natural) for subject, paths in found.items()}


def _chosen(where: str, name: str, candidates: list[str], read: Read) -> list[str]:
    how = (read.choose or {}).get(name)
    if how in ("first", "last"):
        return [candidates[0 if how == "first" else -1]]
    if how is None and len(candidates) > 1:
        raise InputError(
            f"{where}: '{read.images[name]}' finds two series: {candidates[0]} and {candidates[1]}; make the "
            f"pattern narrower, or say which one counts: read.choose: {{{name}: first}} (last, labels)"
        )
    return candidates
