"""Who trains, who validates, who tests: always by subject, and the same on every machine."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.patterns import clean, natural
from mlmi2023.core.errors import InputError

SPLITS = ("train", "val", "test", "atlas")


def by_counts(
    where: str,
    subjects: Iterable[str],
    counts: dict[str, Any],
    seed: int | None,
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
        key: of the cohort's configuration that holds the counts.
        atlas: a subject that is there beside ``subjects``, for the message.

    Returns:
        split of each subject that has one; subjects beyond the counts have none.

    Raises:
        InputError: a split has another name or no sensible count, or there are too few subjects.
    """
    order = sorted(subjects, key=natural)
    if seed is not None:
        order.sort(key=lambda subject: hashlib.sha256(f"{seed}:{subject}".encode()).digest())
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
            f"{where}: key '{key}' asks for {asked} subjects but {len(order)} are there{beside}; "
            "lower the counts or add the missing subjects"
        )
    splits: dict[str, str] = {}
    start = 0
    for split in sorted(counts, key=SPLITS.index):
        count = len(order) - asked if counts[split] == "rest" else counts[split]
        splits.update(dict.fromkeys(order[start : start + count], split))
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
    name = next((c for c in ("subject", "participant_id") if c in columns), None)
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


def read_table(file: Path, where: str) -> list[dict[str, str]]:
    """Read a small table: tab-separated if its name ends with tsv or its first line has a tab, else CSV."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such file: {file}; give its path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as a table ({error}); save it as UTF-8 CSV") from error
    lines = text.splitlines()
    tabs = file.suffix == ".tsv" or (bool(lines) and "\t" in lines[0])
    return list(csv.DictReader(lines, delimiter="\t" if tabs else ",", skipinitialspace=True))


def _check_names(where: str, splits: Iterable[str], key: str) -> None:
    for split in splits:
        if split not in SPLITS:
            raise InputError(f"{where}: unknown split '{key}.{split}'; known: {', '.join(SPLITS)}")
