"""The key ``read`` of the form ``classed_scans``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.cohorts.forms.scans.options import Modality, Pattern, Scale, Word
from mlmi2023.core.conditions import Shape, filled
from mlmi2023.core.options import Options


class Table(Options):
    """The table of classes.

    Attributes:
        file: below the root, or a path.
        subject: column of ids, which are those that stand for {subject} in the patterns.
        target: column of classes.
        known: column of the probability of the last of two classes, for who knows what made the images.
    """

    file: Word
    subject: Word
    target: Word
    known: Word | None = None


class Read(Options):
    """How scans and their classes are read."""

    images: Annotated[dict[Modality, Pattern], filled]
    table: Table
    classes: Annotated[dict[Word, Word], lambda value: "" if len(value) > 1 else "name two or more"]
    shape: Shape
    scale: Scale = "zscore"
    leave_out: tuple[Word, ...] = ()

    def wrong(self) -> str:
        """Images are of different files, and so are classes."""
        if len(set(self.images.values())) < len(self.images):
            return "images: two have the same pattern; name the files of each"
        if len(set(self.classes.values())) < len(self.classes):
            return "classes: two have the same name"
        return "table.known needs two classes" if self.table.known and len(self.classes) != 2 else ""
