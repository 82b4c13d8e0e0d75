"""The key ``read`` of the form ``domain_images``; the form says what the keys mean."""

from typing import Annotated

from mlmi2023.cohorts.forms.images.options import Colour, Names, Side
from mlmi2023.cohorts.forms.scans.options import Word
from mlmi2023.core.conditions import Name, Number, filled
from mlmi2023.core.options import Options


class Table(Options):
    """A table with a row for each image, and the columns that say what it is."""

    file: Word
    image: Word = "image"
    patient: Word | None = None
    domain: Word | None = None
    grade: Word | None = None
    separator: Annotated[str, filled] | None = None


class Map(Options):
    """Label maps: a pattern of files, and what their values mean.

    ``layers`` instead are patterns of one file for each class, in their order: where several are brighter
    than ``threshold``, the last one counts.
    """

    files: Names | None = None
    layers: Annotated[dict[Word, Names], filled] | None = None
    classes: Annotated[dict[Number | Colour, Word], filled] | None = None
    threshold: float | None = None

    def wrong(self) -> str:
        """Labels come from one place, and one rule says what the values mean."""
        if (self.files is None) == (self.layers is None):
            return "give one of files and layers"
        if self.layers and self.classes:
            return "classes are the names of layers; take one of the two out"
        return "give one of classes and threshold" if self.classes and self.threshold is not None else ""

    @property
    def patterns(self) -> list[str]:
        """Patterns of the files of an image."""
        return list(self.layers.values()) if self.layers else [str(self.files)]


class Crop(Options):
    """A square around the middle of what a map shows, cut before resizing; black beyond the border."""

    map: Name
    side: Side


class Source(Options):
    """Images of one folder."""

    images: Names
    table: Table | None = None
    domain: Name | None = None


class Read(Options):
    """How images are read."""

    images: Names | None = None
    table: Table | None = None
    domain: Name | None = None
    sources: Annotated[list[Source], filled] | None = None
    maps: dict[Name, Map] | None = None
    grades: Annotated[list[Word], filled] | None = None
    size: tuple[Side, Side] | None = None
    crop: Crop | None = None

    def wrong(self) -> str:
        """Images come from one place or from several, and each has a domain; crops are around a map."""
        if self.crop and self.crop.map not in (self.maps or {}):
            return f"crop.map is '{self.crop.map}', which is none of maps"
        alone = [key for key in ("images", "table", "domain") if getattr(self, key) is not None]
        if self.sources and alone:
            return f"give one of {alone[0]} and sources"
        if not self.sources and alone and self.images is None:
            return "images is missing; give the pattern of the images"
        own = [Source(images=self.images, table=self.table, domain=self.domain)] if self.images else []
        for source in [*own, *(self.sources or [])]:
            named = "{domain}" in source.images or (source.table and source.table.domain)
            if not source.domain and not named:
                return (
                    "nothing says of which domain images are; put {domain} into their pattern, or set "
                    "table.domain or domain"
                )
        return ""
