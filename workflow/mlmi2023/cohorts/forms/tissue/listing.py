"""Which images a cohort has: whose they are, in which split, of which tissue, and where all their files lie.

Standard library only: this runs whenever the DAG is built.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.find.groups import keep_together
from mlmi2023.cohorts.find.patterns import Match, clean, fields_of, find, natural
from mlmi2023.cohorts.find.splits import SPLITS, by_counts, by_file, read_table, table_place
from mlmi2023.cohorts.forms.images.options import masks_of
from mlmi2023.cohorts.forms.tissue.options import Read, Source
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest


class Item(NamedTuple):
    """One image: its id, whose it is, its split, and its files.

    Attributes:
        name: id.
        patient: whose it is; those of one are in one split.
        split: train, val or test.
        photo: file of the image.
        nuclei: files of its nuclei; empty without.
        maps: file of each label map.
        paired: file of each paired image.
        organ: where it is of; empty if nobody says so.
        tissue: name of its kind of tissue; empty likewise.
    """

    name: str
    patient: str
    split: str
    photo: str
    nuclei: tuple[str, ...]
    maps: Mapping[str, str]
    paired: Mapping[str, str]
    organ: str
    tissue: str


def sources_of(read: Read) -> list[Source]:
    """Return the folders that images come from."""
    return read.sources or [Source(images=str(read.images))]


def split_file(config: Mapping[str, Any], read: Read, root: Path) -> Path | None:
    """Return the table of splits, if they come from one of their own."""
    if config.get("split_file"):
        return table_place(root, str(config["split_file"]))
    stated = config.get("split") or (read.table and read.table.split)
    return None if stated or any(source.split for source in sources_of(read)) else root / "splits.csv"


def found_files(config: Mapping[str, Any], read: Read, root: Path) -> list[Path]:
    """Return all files that fit the patterns; a pattern that fits none stands for itself."""
    patterns = [source.images for source in sources_of(read)]
    patterns += [own.files for own in (read.maps or {}).values()] + list((read.paired or {}).values())
    found: list[Path] = []
    for pattern in patterns:
        found += _fitting(root, pattern) or [root / pattern]
    if read.nuclei:
        own = [file for pattern in masks_of(read.nuclei.files) for file in _fitting(root, pattern)]
        found += own or [root / masks_of(read.nuclei.files)[0]]
    tables = [split_file(config, read, root), table_place(root, read.table.file) if read.table else None]
    return found + [table for table in tables if table]


def _fitting(root: Path, pattern: str) -> list[Path]:
    return [Path(match.path) for match in find(root, pattern, fields_of(pattern))]


def items(where: str, config: Mapping[str, Any], read: Read, root: Path) -> list[Item]:
    """Return all images that have a split, in the order of splits and names.

    An image that the table leaves out is not used.

    Raises:
        InputError: files are missing or ambiguous, or table and splits do not fit them.
    """
    rows = _table(where, read, root)
    found: dict[str, tuple[Match, Source, dict[str, str]]] = {}
    for source in sources_of(read):
        photos = list(find(root, source.images, fields_of(source.images)))
        if not photos:
            raise InputError(f"{where}: no file fits {root / source.images}; check root and pattern")
        for photo in photos:
            row = {} if rows is None else rows.get(Path(photo.path).stem)
            if row is None:
                continue
            name = _name(photo)
            if name in found:
                raise InputError(
                    f"{where}: '{name}' names {found[name][0].path} and {photo.path}; make the pattern "
                    "narrower, or rename one"
                )
            found[name] = photo, source, row
    if not found:
        raise InputError(f"{where}: no image stands in its table; check read.table.image and the names there")
    patients = {name: _patient(read, name, row) for name, (_, _, row) in found.items()}
    splits = _splits(where, config, read, root, found, patients)
    keep_together(where, splits, patients)
    order = sorted(splits, key=lambda name: (SPLITS.index(splits[name]), natural(name)))
    if not order:
        raise InputError(f"{where}: no image has a split; check 'split'")
    return [_item(where, read, root, name, patients[name], splits[name], *found[name]) for name in order]


def _name(photo: Match) -> str:
    others = [value for key, value in photo.fields.items() if key not in ("subject", "tissue", "split")]
    return "_".join([photo.subject, *others])


def _patient(read: Read, name: str, row: Mapping[str, str]) -> str:
    column = read.table.patient if read.table else None
    return (row[column].strip() if column else "") or name


def _table(where: str, read: Read, root: Path) -> dict[str, dict[str, str]] | None:
    """Return the row of each image by its file's name without ending; None without a table."""
    if read.table is None:
        return None
    file = table_place(root, read.table.file)
    rows = read_table(file, where)
    columns = list(rows[0]) if rows else []
    for key in ("image", "patient", "split", "organ", "tissue"):
        column = getattr(read.table, key)
        if column is not None and column not in columns:
            raise InputError(
                f"{file}: has no column '{column}', which 'read.table.{key}' names; it has "
                f"{', '.join(columns) or 'no rows'}"
            )
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        stem = Path(row[read.table.image]).stem
        if found.setdefault(stem, row) != row:
            raise InputError(f"{file}: image {stem} stands in two rows that differ; keep one")
    return found


def _splits(
    where: str,
    config: Mapping[str, Any],
    read: Read,
    root: Path,
    found: Mapping[str, tuple[Match, Source, dict[str, str]]],
    patients: Mapping[str, str],
) -> dict[str, str]:
    file = split_file(config, read, root)
    if file is not None:
        return _by_file(where, file, found)
    if config.get("split"):
        return by_counts(where, found, config["split"], config.get("split_seed"), patients)
    splits: dict[str, str] = {}
    if any(source.split for source in sources_of(read)):
        for source in sources_of(read):
            if source.split is None:
                continue
            own = [name for name, (_, origin, _) in found.items() if origin is source]
            groups = {name: patients[name] for name in own}
            counts = {str(split): count for split, count in source.split.items()}
            splits |= by_counts(where, own, counts, source.split_seed, groups)
        return splits
    column = str(read.table.split if read.table else None)
    for name, (photo, _, row) in found.items():
        split = row[column].strip()
        if split in ("", "n/a"):
            continue
        if split not in ("train", "val", "test"):
            raise InputError(f"{where}: {photo.path} is in the split '{split}'; use train, val or test")
        splits[name] = split
    return splits


def _by_file(where: str, file: Path, found: Mapping[str, Any]) -> dict[str, str]:
    if not file.is_file():
        raise InputError(
            f"{where}: no splits: set 'split' ({{train: 20, val: 5, test: rest}}), or write {file} with the "
            "columns subject and split"
        )
    plain = {clean(name): name for name in found}
    return {plain[name]: split for name, split in by_file(where, file, plain).items()}


def _item(
    where: str,
    read: Read,
    root: Path,
    name: str,
    patient: str,
    split: str,
    photo: Match,
    source: Source,
    row: Mapping[str, str],
) -> Item:
    table = read.table
    organ = row[table.organ].strip() if table and table.organ else photo.fields.get("organ", "")
    tissue = row[table.tissue].strip() if table and table.tissue else photo.fields.get("tissue", "")
    if read.tissues:
        if tissue not in read.tissues:
            raise InputError(
                f"{where}: {photo.path} is of the tissue '{tissue}'"
                f"{suggest(tissue, list(read.tissues))}; name it in 'read.tissues'"
            )
        tissue = read.tissues[tissue]
    maps = {key: _one(key, own.files, photo, root) for key, own in (read.maps or {}).items()}
    paired = {key: _one(key, pattern, photo, root) for key, pattern in (read.paired or {}).items()}
    return Item(name, patient, split, photo.path, _nuclei(read, photo, root), maps, paired, organ, tissue)


def _nuclei(read: Read, photo: Match, root: Path) -> tuple[str, ...]:
    """Return the files of an image's nuclei."""
    if read.nuclei is None:
        return ()
    patterns = masks_of(read.nuclei.files)
    found = [match.path for text in patterns for match in find(root, text, fields_of(text), photo.fields)]
    own = tuple(path for path in dict.fromkeys(found) if path != photo.path)
    if not own or (len(own) > 1 and read.nuclei.how in ("labels", "outlines")):
        what = f"has {len(own)} files" if own else "has no file"
        raise InputError(f"{photo.path}: {what} of 'read.nuclei.files'; add it, or make the patterns fit")
    return own


def _one(what: str, pattern: str, photo: Match, root: Path) -> str:
    """Return the one file of a pattern that belongs to an image."""
    found = list(find(root, pattern, fields_of(pattern), photo.fields))
    if len(found) != 1:
        lost = pattern
        for key, value in photo.fields.items():
            lost = lost.replace(f"{{{key}}}", value)
        said = f"has no file {root / lost}" if not found else f"has {len(found)} files of '{pattern}'"
        raise InputError(f"{photo.path}: {said} ({what}); add it, or make the pattern fit")
    return found[0].path
