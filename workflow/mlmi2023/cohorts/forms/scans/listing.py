"""List the scans of a cohort of the form ``scans``; standard library only."""

import os
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.groups import groups_of, keep_together
from mlmi2023.cohorts.find.patterns import find_each, natural
from mlmi2023.cohorts.forms.scans.keys import modalities, read_key
from mlmi2023.cohorts.forms.scans.raw import read_scan_rows
from mlmi2023.core.errors import InputError


def list_scans(where: str, config: dict[str, Any], root: Path) -> list[dict[str, Any]]:
    """Return every scan of a cohort: subject, split, site, and absolute paths of labels and images.

    ``images`` holds the paths by name, an empty one for an image that is missing; ``image`` is the first path
    of them that there is.

    Args:
        where: how messages name the configuration.
        config: the cohort's configuration.
        root: its raw root.

    Raises:
        InputError: no file fits, an image or labels are missing, or a split does not fit.
    """
    read = read_key(config)
    names, groups = modalities(read), read.get("groups")
    if not groups:
        rows = [
            {**row, **{k: str(root / row[k]) for k in ("image", "labels")}} for row in read_scan_rows(root)
        ]
        return [{**row, "images": {names[0]: row["image"]}} for row in rows]
    found: list[dict[str, Any]] = []
    for number, group in enumerate(groups):
        patterns = group.get("images") or {names[0]: group.get("image", "")}
        found += _group(f"{where}: read.groups[{number}]", group, patterns, root, config)
    together = {row["subject"]: row["together"] for row in found if "together" in row}
    keep_together(where, {row["subject"]: row["split"] for row in found}, together)
    seen: set[str] = set()
    for row in found:
        if row["subject"] in seen:
            raise InputError(f"{where}: subject {row['subject']} stands in two groups; give it one")
        seen.add(row["subject"])
    return found


def _group(
    where: str, group: dict[str, Any], patterns: dict[str, str], root: Path, config: dict[str, Any]
) -> list[dict[str, Any]]:
    site = str(group.get("site", ""))
    labels = find_each(where, root, group["labels"])
    files = {name: find_each(where, root, text) for name, text in patterns.items()}
    for name, pattern in patterns.items():
        if not files[name]:
            from mlmi2023.cohorts.forms import _how_to_get

            raise InputError(f"{where}: no file in {root} is named like '{pattern}'; {_how_to_get(config)}")
    subjects = sorted({subject for found in files.values() for subject in found}, key=natural)
    together = groups_of(where, config, root, subjects)
    rows = []
    for subject, split in split_scans(where, group.get("split", "all"), subjects, together).items():
        if subject not in labels:
            raise InputError(
                f"{where}: subject {subject} has no file named like '{group['labels']}' in {root}; add it or "
                "list the subjects to use under 'split'"
            )
        images = {k: os.path.abspath(v[subject]) if subject in v else "" for k, v in files.items()}
        lost = [name for name, path in images.items() if not path]
        if lost and read_key(config).get("missing") != "zero":
            raise InputError(
                f"{where}: subject {subject} has no file named like '{patterns[lost[0]]}' in {root}; add it, "
                "or set read.missing to zero"
            )
        # ids of two centres may be the same, and so may those of groups
        rows.append(
            {
                "subject": f"{site}{subject}" if site else subject,
                "split": split,
                "site": site,
                "image": next(path for path in images.values() if path),
                "images": images,
                "labels": os.path.abspath(labels[subject]),
                **({"together": f"{site}{together[subject]}"} if together else {}),
            }
        )
    return rows


def split_scans(where: str, given: Any, subjects: list[str], together: dict[str, str]) -> dict[str, str]:
    """Return the split of each subject that is used: see the form's docstring.

    Args:
        where: how messages name the configuration.
        given: the key ``split``.
        subjects: ids, in their order.
        together: group of each subject, if the cohort has groups; numbers then count these.
    """
    if isinstance(given, str):
        return dict.fromkeys(subjects, given)
    units: dict[str, list[str]] = {}
    for subject in subjects:
        units.setdefault(together.get(subject, subject), []).append(subject)
    order, what = sorted(units, key=natural), "groups" if together else "subjects"
    asked = sum(own for own in given.values() if isinstance(own, int))
    if asked > len(order):
        raise InputError(f"{where}: 'split' asks for {asked} {what} but {len(order)} are there; lower it")
    if list(given.values()).count("rest") > 1:
        raise InputError(f"{where}: 'split' says rest more than once; give numbers to all but one")
    assigned: dict[str, str] = {}
    start = 0
    for split, own in given.items():
        if isinstance(own, int) or own == "rest":
            count = len(order) - asked if own == "rest" else own
            members = [subject for unit in order[start : start + count] for subject in units[unit]]
            start += count
        else:
            members = [str(subject) for subject in own]
        for subject in members:
            if subject not in subjects:
                raise InputError(f"{where}: split.{split} names '{subject}', who has no image; remove it")
            if subject in assigned:
                raise InputError(f"{where}: subject {subject} stands in {assigned[subject]} and {split}")
            assigned[subject] = split
    return assigned
