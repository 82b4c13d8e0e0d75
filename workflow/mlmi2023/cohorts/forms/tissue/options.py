"""The key ``read`` of the form ``tissue``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.images.options import Colour, Names, Several, Side, Split, Tiles, masks_of
from mlmi2023.cohorts.forms.scans.options import Word
from mlmi2023.core.conditions import Count, Name, Number, filled
from mlmi2023.core.options import Options


class Table(Options):
    """A table with a row for each image, and the columns that say what it is."""

    file: Word
    image: Word = "image"
    patient: Word | None = None
    split: Word | None = None
    organ: Word | None = None
    tissue: Word | None = None


class Nuclei(Options):
    """Where single nuclei come from.

    Attributes:
        files: patterns; all files that fit an image count.
        how: ``labels``, maps with a number per nucleus; ``masks``, a file per nucleus; ``parts``, the
            connected parts of a mask; ``outlines``, XML of Aperio ImageScope with a region per nucleus.
        threshold: of masks: what is brighter is a nucleus.
        least: pixels; smaller ones are left out.
    """

    files: Several
    how: Literal["labels", "masks", "parts", "outlines"] = "labels"
    threshold: float = 0
    least: Count = 1


class Map(Options):
    """A label map: a pattern of files, and what their values mean."""

    files: Names
    classes: Annotated[dict[Number | Colour, Word], filled]


class Source(Options):
    """Images of one folder, with a split of their own."""

    images: Names
    split: Split | None = None
    split_seed: int | None = None


class Read(Options):
    """How images are read."""

    images: Names | None = None
    sources: Annotated[list[Source], filled] | None = None
    table: Table | None = None
    nuclei: Nuclei | None = None
    maps: dict[Name, Map] | None = None
    paired: dict[Name, Names] | None = None
    tissues: Annotated[dict[Word, Word], filled] | None = None
    size: tuple[Side, Side] | None = None
    tiles: Tiles | None = None
    page: Count | None = None

    def wrong(self) -> str:
        """Images come from one place, at one size, and are no maps."""
        for one, other in (("images", "sources"), ("size", "tiles")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                return f"give one of read.{one} and read.{other}"
        images = [self.images] if self.images else [source.images for source in self.sources or []]
        others = [map_.files for map_ in (self.maps or {}).values()] + list((self.paired or {}).values())
        others += masks_of(self.nuclei.files) if self.nuclei else []
        same = next((pattern for pattern in others if pattern in images), None)
        if same:
            return f"'{same}' is the images themselves; give maps and pairs patterns of their own"
        named = self.table is not None and self.table.tissue is not None
        if self.tissues and not named and not all("{tissue}" in pattern for pattern in images):
            return (
                "nothing says of which tissue images are; put {tissue} into their pattern or set table.tissue"
            )
        return ""
