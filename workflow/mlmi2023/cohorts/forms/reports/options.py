"""The key ``read`` of the form ``reports``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.cohorts.forms.images.options import Names
from mlmi2023.core.conditions import Number, filled
from mlmi2023.core.options import Options

Column = Annotated[str, filled]


class Least(Options):
    """Words that a section must have; reports with fewer are left out."""

    findings: Number = 10
    impression: Number = 2


class SplitTable(Options):
    """A table of splits as a dataset brings it: its columns, and what splits are called in it."""

    file: Column
    subject: Column
    split: Column
    names: dict[str, str] | None = None


class Read(Options):
    """How reports are read."""

    table: Column | None = None
    subject: Column = "id"
    findings: Column = "findings"
    impression: Column = "impression"
    patient: Column | None = None
    split: Column | None = None
    texts: Names | None = None
    splits: SplitTable | None = None
    least: Least = Least()
    show: bool = False

    def wrong(self) -> str:
        """Reports are rows of a table or files of their own."""
        if (self.table is None) == (self.texts is None):
            return "give either table, a CSV file, or texts, a pattern of files"
        return "column split and table splits exclude each other" if self.split and self.splits else ""
