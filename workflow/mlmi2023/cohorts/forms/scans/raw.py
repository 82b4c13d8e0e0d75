"""Raw files of the form ``scans`` as simulators write them, and what those simulators share.

``scans.csv`` has a row per scan: subject, split, site (scanner, centre or protocol), and the paths of image
and labels below the root. ``labels.csv`` has index and name of each structure.
"""

import csv
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.splits import read_table
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic

COLUMNS = ("subject", "split", "site", "image", "labels")


def plan_subjects(config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return id and split of every subject, splits in the order of the key ``subjects``.

    Raises:
        InputError: nobody is planned.
    """
    splits = [s for s, count in (config.get("subjects") or {}).items() for _ in range(int(count))]
    if not splits:
        raise InputError("subjects: nobody is planned; give counts such as {train: 6, val: 2, test: 3}")
    return [(f"{number:03d}", split) for number, split in enumerate(splits, 1)]


def workers(work: Callable[[Any], Any], jobs: Sequence[Any], threads: int) -> Iterator[Any]:
    """Yield ``work(job)`` of each job, in their order and several at a time."""
    if threads < 2 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    # fork: a spawned worker would run the calling script again
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(threads, len(jobs)), mp_context=context) as pool:
        yield from pool.map(work, jobs)


def write_tables(root: Path, rows: Sequence[Mapping[str, str]], names: Mapping[int, str]) -> None:
    """Write ``scans.csv`` and ``labels.csv``."""
    _write(root / "scans.csv", COLUMNS, ([row[column] for column in COLUMNS] for row in rows))
    _write(root / "labels.csv", ("index", "name"), names.items())


def read_scan_rows(root: Path) -> list[dict[str, str]]:
    """Return the rows of ``scans.csv``.

    Raises:
        InputError: it is missing or lacks a column.
    """
    file = root / "scans.csv"
    rows = read_table(file, "form 'scans'")
    lost = [column for column in COLUMNS if not rows or column not in rows[0]]
    if lost:
        raise InputError(f"{file}: has no column '{lost[0]}'; needs {', '.join(COLUMNS)}")
    return rows


def read_label_names(root: Path) -> dict[int, str]:
    """Return structure names by label value from ``labels.csv``; empty if there is none."""
    file = root / "labels.csv"
    return {int(r["index"]): r["name"] for r in read_table(file, "labels")} if file.is_file() else {}


def _write(file: Path, header: Sequence[str], rows: Any) -> None:
    with atomic(file) as part, open(part, "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
