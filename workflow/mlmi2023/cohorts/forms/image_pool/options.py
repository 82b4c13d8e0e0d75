"""The key ``read`` of the form ``image_pool``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.images.options import Colour, Names, Several, Side, Source, masks_of, same_files
from mlmi2023.cohorts.forms.scans.options import Word
from mlmi2023.core.conditions import Amount, Count, Interval, Number, Share, between, filled
from mlmi2023.core.options import Options


class Tophat(Options):
    """What a network sees: bright structures without the grey around them.

    Attributes:
        blur: standard deviation of the Gaussian that comes first, pixels of the file.
        radius: of the disc of the top-hat, pixels of the file.
        white: share of each image's pixels that are not above white afterwards.
    """

    blur: Amount = 1.0
    radius: Count = 20
    white: Share = 0.999


class Read(Options):
    """How images are read."""

    pool: Several | None = None
    images: Names | None = None
    masks: Several | None = None
    sources: Annotated[list[Source], filled] | None = None
    classes: Annotated[dict[Number | Colour, Word], filled] | None = None
    threshold: float | None = None
    range: Interval | None = None
    page: Count | None = None
    size: tuple[Side, Side] | None = None
    colour: Literal["grey", "red", "green", "blue"] = "grey"
    field: Annotated[float, between(0, 255)] | None = None
    invert: bool = False
    tophat: Tophat | None = None

    def wrong(self) -> str:
        """Images have masks, and one rule says what these mean."""
        if (self.images is None) != (self.masks is None):
            return "give both read.images and read.masks"
        for one, other in (("images", "sources"), ("classes", "threshold")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                return f"give one of read.{one} and read.{other}"
        if (self.images or self.sources) and self.pool is None:
            return "read.pool is missing; name the images without masks"
        return same_files(self.images or "", self.masks or [])


def pool_of(read: Read) -> list[str]:
    """Return the patterns of the images without masks."""
    return masks_of(read.pool or POOL)


#: where the simulators put them
POOL = "pool/{subject}.png"
