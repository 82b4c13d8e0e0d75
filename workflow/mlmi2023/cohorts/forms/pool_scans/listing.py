"""List the scans of a cohort of the form ``pool_scans``; standard library only."""

import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.groups import groups_of, keep_together
from mlmi2023.cohorts.find.patterns import find, find_each, natural
from mlmi2023.cohorts.forms.pool_scans.options import Lists, Read
from mlmi2023.cohorts.forms.scans.listing import split_scans
from mlmi2023.cohorts.forms.scans.raw import read_scan_rows
from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_object
from mlmi2023.core.options import options

ENDINGS = (".nii.gz", ".nii")
Row = dict[str, str]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Read:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, or a value that cannot be used.
    """
    layout = (config.get("layout") or {}).get("read") or {}
    return options(Read, {**layout, **(config.get("read") or {})}, where, "read")


def list_scans(where: str, config: dict[str, Any], root: Path) -> list[Row]:
    """Return every scan: subject, split, site, and absolute paths of image and labels.

    ``labels`` is empty where there is no map: in splits that are hidden or empty. A scan of a pool whose
    patient trains, validates or is tested with labels is left out.

    Args:
        where: how messages name the configuration.
        config: the cohort's configuration.
        root: its raw root.

    Raises:
        InputError: no file fits, an image or labels are missing, a split does not fit, or a patient is on two
            sides.
    """
    read = read_key(config, where)
    if read.lists is None and read.groups is None:
        made = [
            {**row, **{k: str(root / row[k]) for k in ("image", "labels")}} for row in read_scan_rows(root)
        ]
        return [_pooled(where, row, read) for row in made]
    rows = _listed(where, read.lists, read, root, config) if read.lists else []
    for number, group in enumerate(read.groups or []):
        labels = find_each(where, root, group.labels) if group.labels else {}
        images = _images(where, root, group.image)
        if not images:
            raise InputError(
                f"{where}: read.groups[{number}]: no file in {root} is named like '{group.image}'; "
                f"{_get(config)}"
            )
        names = sorted(images, key=natural)
        for name, split in split_scans(f"{where}: read.groups[{number}]", group.split, names, {}).items():
            row = {
                "subject": f"{group.site}{name}",
                "split": split,
                "site": group.site,
                "image": images[name],
            }
            rows.append(
                _pooled(
                    where, {**row, "labels": os.path.abspath(labels[name]) if name in labels else ""}, read
                )
            )
    return _apart(where, rows, read, root)


def patients(where: str, subjects: Iterable[str], read: Read, root: Path) -> dict[str, str]:
    """Return the patient of each scan; without the key ``patient`` each scan is its own."""
    names = list(subjects)
    if read.patient is None:
        return {name: name for name in names}
    return groups_of(where, {"group": read.patient}, root, names)


def _pooled(where: str, row: Row, read: Read) -> Row:
    """Return a row with no labels where its split has none, and refuse one that lacks them."""
    if row["split"] in (*read.hide, *read.empty):
        # a made pool brings maps, and so may a public one: they are not looked at
        return {**row, "labels": ""}
    if not row["labels"]:
        raise InputError(
            f"{where}: scan {row['subject']} of split '{row['split']}' has no labels; add them, or name "
            "the split in read.hide (no labels) or read.empty (nothing to label)"
        )
    return row


def _images(where: str, root: Path, pattern: str) -> dict[str, str]:
    """Return the image of each subject: a file, or a folder of slices."""
    if not pattern.endswith("/"):
        return {name: os.path.abspath(file) for name, file in find_each(where, root, pattern).items()}
    return {match.subject: os.path.abspath(Path(match.path).parent) for match in find(root, f"{pattern}*")}


def _listed(where: str, lists: Lists, read: Read, root: Path, config: dict[str, Any]) -> list[Row]:
    file = root / lists.file
    if not file.is_file():
        raise InputError(f"{where}: no such file: {file}; {_get(config)}")
    needs = {"training": list[dict[str, str]], "test": list[Any]}
    content = read_object(file, needs, "fetch it again")
    rows = []
    for split, entries in (("train", content["training"]), ("test", content["test"])):
        for entry in entries:
            image = entry if isinstance(entry, str) else str(entry.get("image", ""))
            name = Path(image).name
            subject = next((name.removesuffix(end) for end in ENDINGS if name.endswith(end)), "")
            if not subject:
                raise InputError(f"{file}: '{image}' of '{split}' is no NIfTI file; fetch the list again")
            label = (
                image.replace("imagesTs", "labelsTs")
                if isinstance(entry, str)
                else str(entry.get("label", ""))
            )
            paths = _first(root, name, (image, label), lists.folders)
            rows.append(
                {"subject": subject, "split": split, "site": "", "image": paths[0], "labels": paths[1]}
            )
    training = [row["subject"] for row in rows if row["split"] == "train"]
    of = patients(where, training, read, root)
    held: set[str] = set()
    for patient in _shuffled(sorted(set(of.values())), lists.seed):
        if sum(of[name] in held for name in training) >= lists.val:
            break
        held.add(patient)
    for row in rows:
        if row["split"] == "train" and of[row["subject"]] in held:
            row["split"] = "val"
    return rows


def _shuffled(names: list[str], seed: int) -> list[str]:
    random.Random(seed).shuffle(names)
    return names


def _first(
    root: Path, name: str, listed: tuple[str, str], folders: Sequence[tuple[str, str]]
) -> tuple[str, str]:
    """Return image and labels where they lie: as listed, else in the first folder that has the image."""
    places = [listed, *((f"{images}/{name}", f"{labels}/{name}") for images, labels in folders)]
    found = next((place for place in places if (root / place[0]).exists()), listed)
    return os.path.abspath(root / found[0]), os.path.abspath(root / found[1])


def _apart(where: str, rows: list[Row], read: Read, root: Path) -> list[Row]:
    """Return the rows without scans of pools whose patients have labels; nobody is on two sides otherwise."""
    pools = (*read.hide, *read.empty)
    of = patients(where, [row["subject"] for row in rows], read, root)
    splits: dict[str, str] = {}
    for row in rows:
        if row["split"] not in pools and splits.setdefault(row["subject"], row["split"]) != row["split"]:
            raise InputError(f"{where}: scan {row['subject']} stands in two groups; give it one")
        if row["split"] not in pools:
            splits[row["subject"]] = row["split"]
    keep_together(where, splits, of)
    known, taken, kept = {of[name] for name in splits}, set(), []
    for row in rows:
        if (row["split"] in pools and of[row["subject"]] in known) or row["subject"] in taken:
            continue
        taken.add(row["subject"])
        kept.append(row)
    return kept


def _get(config: dict[str, Any]) -> str:
    from mlmi2023.cohorts.forms import _how_to_get

    return _how_to_get(config)
