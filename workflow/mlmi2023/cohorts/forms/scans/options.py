"""The key ``read`` of the form ``scans``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Interval, Number, Positive, filled, matching
from mlmi2023.core.options import Options

Word = Annotated[str, filled]
Pattern = Annotated[str, matching(r".*\{subject\}.*", "it needs {subject} where the names differ")]
Spacing = tuple[Positive, Positive, Positive]
#: a word for all, counts in natural order, or lists of ids
Split = Word | dict[str, Number | Literal["rest"] | list[str]]


class Group(Options):
    """Scans whose files are named alike."""

    image: Pattern
    labels: Pattern
    split: Split = "all"
    site: str = ""


class Read(Options):
    """How scans are read."""

    groups: Annotated[list[Group], filled] | None = None
    modality: Word = "image"
    spacing: Spacing | None = None
    window: Interval | None = None
    scale: Literal["zscore", "percentiles"] | None = None
    crop: bool = False
    labels_kept: Annotated[list[Count], filled] | None = None

    def wrong(self) -> str:
        """Intensities are scaled in one way."""
        if (self.window is None) == (self.scale is None):
            return "give one of read.window ([low, high]) and read.scale (zscore, percentiles)"
        return ""
