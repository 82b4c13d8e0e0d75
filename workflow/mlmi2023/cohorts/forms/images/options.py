"""The key ``read`` of the form ``images``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.cohorts.forms.scans.options import Pattern, Split
from mlmi2023.core.conditions import Number, at_least, filled
from mlmi2023.core.options import Options

Side = Annotated[int, at_least(8)]


class Source(Options):
    """A folder of images with masks."""

    images: Pattern
    masks: Pattern
    split: Split | None = None
    split_seed: int | None = None


class Read(Options):
    """How images are read."""

    images: Pattern | None = None
    masks: Pattern | None = None
    sources: Annotated[list[Source], filled] | None = None
    classes: Annotated[dict[Number, str], filled] | None = None
    size: tuple[Side, Side] | None = None
    grey: bool = False

    def wrong(self) -> str:
        """Images have masks."""
        if (self.images is None) != (self.masks is None):
            return "give both read.images and read.masks"
        return ""
