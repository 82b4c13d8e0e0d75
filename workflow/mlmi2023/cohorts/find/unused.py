"""What lies in a cohort's folder and takes no part, though it looks as if it should: said, not refused.

Standard library only: this runs whenever the DAG is built.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find import layouts
from mlmi2023.cohorts.find.patterns import clean, fields_of, find
from mlmi2023.cohorts.find.splits import SUBJECT_COLUMNS, read_table
from mlmi2023.cohorts.find.subject import Record

#: endings that stand for the same kind of file
ALIKE = ("nii.gz nii mgz mgh mha nrrd", "png jpg jpeg tif tiff gif bmp")
#: names that a line gives before it counts
NAMED = 3


def of_volumes(where: str, config: dict[str, Any], root: Path, records: Iterable[Record]) -> list[str]:
    """Return a line for each kind of file or subject that a cohort of volumes leaves out.

    Args:
        where: how messages name the configuration.
        config: of the cohort.
        root: its folder.
        records: who takes part.
    """
    said: list[str] = []
    if config["kind"] == "folder":
        for modality, pattern in (config.get("images") or {}).items():
            said += of_pattern(where, f"images.{modality}", root, pattern)
    elif config["kind"] == "bids" and not config.get("split") and not config.get("split_file"):
        said += _without_row(where, root, {record.subject for record in records})
    elif config["kind"] == "dataset" and not config.get("variant"):
        said += _other_variants(where, config, root)
    return said


def of_pattern(where: str, key: str, root: Path, pattern: str) -> list[str]:
    """Return a line if files fit a pattern but for their ending, of subjects that have no file that fits."""
    for family in ALIKE:
        endings = "|".join(re.escape(ending) for ending in family.split())
        stem = re.sub(rf"\.(?:{endings})\Z", "", pattern, flags=re.IGNORECASE)
        if stem == pattern:
            continue
        found = list(find(root, f"{stem}{{{endings}}}", fields_of(pattern)))
        own = pattern[len(stem) :]
        known = {match.subject for match in found if match.path.endswith(own)}
        lost = [
            Path(match.path).name
            for match in found
            if match.subject not in known and not _part_of(match.subject, known)
        ]
        if lost:
            return [
                f"{where}: key '{key}' is '{pattern}', from which {_some(lost)} differ in the ending alone: "
                "they take no part; rename or convert them"
            ]
    return []


def _part_of(name: str, known: set[str]) -> bool:
    """Whether a name is that of a subject and a word more, as of an overlay."""
    return any(not name[n].isalnum() and name[:n] in known for n in range(1, len(name)))


def _without_row(where: str, root: Path, used: set[str]) -> list[str]:
    """Name the subjects of a BIDS folder that its table of participants does not have."""
    listed = {
        clean(row[column] or "")
        for row in read_table(root / "participants.tsv", where)
        for column in SUBJECT_COLUMNS
        if column in row
    }
    folders = (path.name for path in sorted(root.glob("sub-*")) if path.is_dir())
    lost = [name for name in folders if clean(name) not in listed | used]
    table = root / "participants.tsv"
    return [f"{where}: {table} has no row of {_some(lost)}: they take no part; add a row"] if lost else []


def _other_variants(where: str, config: dict[str, Any], root: Path) -> list[str]:
    """Say which variant of a dataset is read where files of several are there."""
    there = layouts.variants_at(config, root)
    if len(there) < 2:
        return []
    return [
        f"{where}: {root} has files of the variants {', '.join(there)}: {there[0]} is read; set 'variant' to "
        "choose"
    ]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
