"""Who trains, who validates, who tests: always by subject, and the same on every machine."""

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.patterns import clean, natural
from mlmi2023.core.errors import InputError

SPLITS = ("train", "val", "test", "atlas")
#: what a table may call its column of subjects
SUBJECT_COLUMNS = ("subject", "participant_id")


def by_counts(
    where: str,
    subjects: Iterable[str],
    counts: dict[str, Any],
    seed: int | None,
    groups: Mapping[str, str] | None = None,
    key: str = "split",
    atlas: str | None = None,
) -> dict[str, str]:
    """Give the first subjects to ``train``, the next to ``val``, the next to ``test``.

    Args:
        where: how messages name the configuration.
        subjects: ids; they are put in natural order first (``s2`` before ``s10``).
        counts: number of subjects per split; ``rest`` takes all that the others leave.
        seed: None keeps natural order; a number orders by a hash of seed and id instead, which depends
            neither on the machine nor on which other subjects are there.
        groups: of subjects that stay together (:mod:`mlmi2023.cohorts.find.groups`); they are then ordered
            and counted in the place of subjects.
        key: of the cohort's configuration that holds the counts.
        atlas: a subject that is there beside ``subjects``, for the message.

    Returns:
        split of each subject that has one; subjects beyond the counts have none.

    Raises:
        InputError: a split has another name or no sensible count, or there are too few subjects.
    """
    if not isinstance(counts, dict):
        raise InputError(f"{where}: key 'split' is {counts!r}; give counts, as in {{train: 20, test: 5}}")
    units: dict[str, list[str]] = {}
    for subject in sorted(subjects, key=natural):
        units.setdefault(groups[subject] if groups else subject, []).append(subject)
    order, what = sorted(units, key=natural), "groups" if groups else "subjects"
    if seed is not None:
        order.sort(key=lambda unit: hashlib.sha256(f"{seed}:{unit}".encode()).digest())
    _check_names(where, counts, key)
    for split, count in counts.items():
        if count != "rest" and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
            raise InputError(f"{where}: key '{key}.{split}' is {count!r}; give a number of subjects, or rest")
    rest = [split for split, count in counts.items() if count == "rest"]
    if len(rest) > 1:
        raise InputError(f"{where}: key '{key}' says rest more than once; give numbers to all but one")
    asked = sum(count for count in counts.values() if count != "rest")
    if asked > len(order):
        beside = f" beside the atlas, {atlas}" if atlas is not None else ""
        raise InputError(
            f"{where}: key '{key}' asks for {asked} {what} but {len(order)} are there{beside}; "
            "lower the counts or add the missing subjects"
        )
    splits: dict[str, str] = {}
    start = 0
    for split in sorted(counts, key=SPLITS.index):
        count = len(order) - asked if counts[split] == "rest" else counts[split]
        members = (subject for unit in order[start : start + count] for subject in units[unit])
        splits.update(dict.fromkeys(members, split))
        start += count
    return splits


def by_file(where: str, file: Path, subjects: Iterable[str]) -> dict[str, str]:
    """Read splits from a table with the columns ``subject`` (or ``participant_id``) and ``split``.

    Subjects that the table leaves out, or whose split is empty or ``n/a``, are not used.

    Raises:
        InputError: no such file, a column is missing, a split has another name, a subject stands in two
            splits or is not there.
    """
    rows = read_table(file, where)
    known = set(subjects)
    columns = list(rows[0]) if rows else []
    name = next((c for c in SUBJECT_COLUMNS if c in columns), None)
    if name is None or "split" not in columns:
        raise InputError(
            f"{file}: needs the columns subject and split, has {', '.join(columns) or 'no rows'}; "
            "add them, or set 'split' in the config"
        )
    splits: dict[str, str] = {}
    for row in rows:
        subject, split = clean(row[name] or ""), (row["split"] or "").strip()
        if split in ("", "n/a"):
            continue
        if split not in SPLITS:
            raise InputError(
                f"{file}: split of subject {row[name]} is '{split}'; use one of {', '.join(SPLITS)}"
            )
        if splits.get(subject, split) != split:
            raise InputError(
                f"{file}: subject {row[name]} stands in {splits[subject]} and in {split}; keep one row"
            )
        if subject not in known:
            raise InputError(
                f"{file}: subject {row[name]} has no image in the cohort; drop the row or add the image"
            )
        splits[subject] = split
    return splits


def by_folder(where: str, found: Iterable[tuple[str, str]], folders: dict[str, Any]) -> dict[str, str]:
    """Return splits from the folders that subjects lie in.

    Args:
        where: how messages name the configuration.
        found: pairs of subject and the text that ``{split}`` stood for.
        folders: folder name of each split, as ``{train: Train, val: Val, test: Test}``.
    """
    _check_names(where, folders, "split")
    for split, folder in folders.items():
        if not isinstance(folder, str):
            raise InputError(
                f"{where}: key 'split.{split}' is {folder!r}; the names hold {{split}}, so give its folder"
            )
    named = {str(folder): split for split, folder in folders.items()}
    return {subject: named[folder] for subject, folder in found if folder in named}


def table_place(root: Path, file: str) -> Path:
    """Return where a table lies that a cohort names: below its root if it is there, else as it is written."""
    place = Path(os.path.expanduser(file))
    return place if place.is_absolute() or not (root / place).exists() else root / place


def read_table(file: Path, where: str) -> list[dict[str, str]]:
    """Read a small table: tab-separated if its name ends with tsv or its first line has a tab, else CSV.

    Raises:
        InputError: the file cannot be read, or a line has fewer or more cells than the header.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such file: {file}; give its path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as a table ({error}); save it as UTF-8 CSV") from error
    lines = text.splitlines()
    tabs = file.suffix == ".tsv" or (bool(lines) and "\t" in lines[0])
    reader = csv.DictReader(lines, delimiter="\t" if tabs else ",", skipinitialspace=True)
    rows = []
    for row in reader:
        # columns without a name, as of a comma at the end of a line, hold nothing
        lacking = [column for column, cell in row.items() if column and cell is None]
        more: Any = row.pop(None, [])  # type: ignore[call-overload]
        if lacking or any(cell.strip() for cell in more):
            first = next(iter(row.values())) or ""
            wrong = f"ends before column {lacking[0]}" if lacking else "has more cells than the header"
            raise InputError(
                f"{file}: line {reader.line_num} ({first[:40]}) {wrong}; correct the line, n/a stands for "
                "what is not known"
            )
        rows.append(row)
    return rows


def _check_names(where: str, splits: Iterable[str], key: str) -> None:
    for split in splits:
        if split not in SPLITS:
            raise InputError(f"{where}: unknown split '{key}.{split}'; known: {', '.join(SPLITS)}")
