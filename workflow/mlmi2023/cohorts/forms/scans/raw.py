"""Raw files of the form ``scans`` as simulators write them.

``scans.csv`` has a row per scan: subject, split, site (scanner, centre or protocol), and the paths of image
and labels below the root. ``labels.csv`` has index and name of each structure.
"""

from pathlib import Path

from mlmi2023.cohorts.find.splits import read_table
from mlmi2023.core.errors import InputError

COLUMNS = ("subject", "split", "site", "image", "labels")


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
