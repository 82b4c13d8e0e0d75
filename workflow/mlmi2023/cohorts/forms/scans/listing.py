"""List the scans of a cohort of the form ``scans``; standard library but for what opens a file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmi2023.cohorts.find.patterns import find, natural
from mlmi2023.cohorts.forms.scans.keys import read_key
from mlmi2023.cohorts.forms.scans.raw import read_scan_rows
from mlmi2023.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np


def list_scans(where: str, config: dict[str, Any], root: Path) -> list[dict[str, str]]:
    """Return subject, split, site, image and labels (absolute paths) of every scan of a cohort.

    Args:
        where: how messages name the configuration.
        config: the cohort's configuration.
        root: its raw root.

    Raises:
        InputError: no file fits, an image has no labels, or a split does not fit.
    """
    groups = read_key(config).get("groups")
    if not groups:
        rows = read_scan_rows(root)
        return [{**row, **{key: str(root / row[key]) for key in ("image", "labels")}} for row in rows]
    found: list[dict[str, str]] = []
    for number, group in enumerate(groups):
        found += _group(f"{where}: read.groups[{number}]", group, root, config)
    seen: set[str] = set()
    for row in found:
        if row["subject"] in seen:
            raise InputError(f"{where}: subject {row['subject']} stands in two groups; give it one")
        seen.add(row["subject"])
    return found


def _group(where: str, group: dict[str, Any], root: Path, config: dict[str, Any]) -> list[dict[str, str]]:
    site = str(group.get("site", ""))
    images, labels = ({m.subject: m.path for m in find(root, group[key])} for key in ("image", "labels"))
    if not images:
        from mlmi2023.cohorts.forms import _how_to_get

        raise InputError(
            f"{where}: no file in {root} is named like '{group['image']}'; {_how_to_get(config)}"
        )
    rows = []
    for subject, split in _split(where, group.get("split", "all"), sorted(images, key=natural)).items():
        if subject not in labels:
            raise InputError(
                f"{where}: subject {subject} has no file named like '{group['labels']}' in {root}; add it or "
                "list the subjects to use under 'split'"
            )
        # ids of two centres may be the same
        name = f"{site}{subject}" if site else subject
        files = {"image": os.path.abspath(images[subject]), "labels": os.path.abspath(labels[subject])}
        rows.append({"subject": name, "split": split, "site": site, **files})
    return rows


def _split(where: str, given: Any, subjects: list[str]) -> dict[str, str]:
    """Return the split of each subject that is used: see the form's docstring."""
    if isinstance(given, str):
        return dict.fromkeys(subjects, given)
    assigned: dict[str, str] = {}
    start = 0
    for split, own in given.items():
        if isinstance(own, int):
            members = subjects[start : start + own]
            start += own
            if len(members) < own:
                raise InputError(f"{where}: 'split' asks for {start} subjects but {len(subjects)} are there")
        else:
            members = [str(subject) for subject in own]
        for subject in members:
            if subject not in subjects:
                raise InputError(f"{where}: split.{split} names '{subject}', who has no image; remove it")
            if subject in assigned:
                raise InputError(f"{where}: subject {subject} stands in {assigned[subject]} and {split}")
            assigned[subject] = split
    return assigned


def read_map(path: str) -> "tuple[np.ndarray, np.ndarray]":
    """Read a label map that may be empty: a head without a lesion is a case too.

    Raises:
        InputError: as :func:`mlmi2023.cohorts.formats.volumes.read_labels`, but not for a map of zeros.
    """
    from mlmi2023.cohorts.formats.volumes import read_labels

    try:
        return read_labels(path)
    except InputError as error:
        if "0 everywhere" not in str(error):
            raise
        import nibabel as nib
        import numpy as np

        image = nib.as_closest_canonical(nib.load(path))
        return np.zeros(image.shape, np.uint8), np.asarray(image.affine, float)
