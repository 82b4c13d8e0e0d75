"""The key ``read`` of the form ``outlines``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.cohorts.forms.images.options import BACKGROUND, Colour, Names, Several, same_files
from mlmi2023.cohorts.forms.scans.options import Word
from mlmi2023.core.conditions import Amount, Count, Interval, Number, filled
from mlmi2023.core.options import Options


class Objects(Options):
    """Single objects that are cut out of images.

    Attributes:
        margin: on each side of an object, shares of its larger extent.
        least: pixels of an object; smaller ones are left out.
        most: objects of an image, spread over all that it has; null: all.
    """

    margin: Amount = 0.5
    least: Count = 64
    most: Count | None = None


class Read(Options):
    """How images are read."""

    images: Names | None = None
    masks: Several | None = None
    classes: Annotated[dict[Number | Colour, Word], filled] | None = None
    threshold: float | None = None
    range: Interval | None = None
    page: Count | None = None
    grey: bool = False
    fill: bool = False
    objects: Objects | None = None

    def wrong(self) -> str:
        """Images have masks, and one rule says what these mean."""
        if (self.images is None) != (self.masks is None):
            return "give both read.images and read.masks"
        if self.classes is not None and self.threshold is not None:
            return "give one of read.classes and read.threshold"
        names = set((self.classes or {"": ""}).values()) - {BACKGROUND}
        if not names:
            return f"read.classes names nothing but {BACKGROUND}; name what the masks show"
        if self.objects and len(names) > 1:
            return "read.objects cuts out objects of one kind; name one structure in read.classes"
        return same_files(self.images or "", self.masks or [])
