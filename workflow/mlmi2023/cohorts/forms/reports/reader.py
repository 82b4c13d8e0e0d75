"""A packed cohort of the form ``reports``.

The folder holds ``reports.json``, findings and impression of each report, and ``cohort.json``. Nothing in
it is fitted.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.about import about_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json

FORM = "reports"


class Reports:
    """Packed reports; all lists have one entry per report.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids.
        groups: whose each is.
        splits: train, val or test.
        findings: texts.
        impressions: texts.
        shown: whether pictures and figures may hold texts.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_reports`."""
        about = about_packed(path, FORM)
        rows: list[dict[str, Any]] = about["subjects"]
        texts = read_json(path / "reports.json", f"delete {path} and pack again")
        self.path = path
        self.name: str = about["name"]
        self.shown: bool = about["shown"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.groups: list[str] = [row["group"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.findings: list[str] = [pair[0] for pair in texts]
        self.impressions: list[str] = [pair[1] for pair in texts]
        if len(texts) != len(rows):
            raise ValueError("texts of other reports")

    def rows(self, split: str) -> list[int]:
        """Return the reports of a split."""
        return [row for row, own in enumerate(self.splits) if own == split]


def open_reports(path: str | Path) -> Reports:
    """Open packed reports.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Reports(Path(path))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: not packed reports ({type(error).__name__}); delete the folder and pack again"
        ) from None
