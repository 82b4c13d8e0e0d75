"""The key ``read`` of the form ``images``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.scans.options import Pattern, Word
from mlmi2023.core.conditions import Count, Interval, Number, at_least, between, filled, matching
from mlmi2023.core.options import Options

BACKGROUND = "background"
#: masks are kept in 8 bits, and 0 is background
MOST_CLASSES = 255

Side = Annotated[int, at_least(8), between(8, 16384)]
Colour = Annotated[
    str, matching("#[0-9a-f]{6}", "classes go by value, as in {255: lesion}; a colour is '#ff0000'")
]
Names = Annotated[Pattern, lambda text: "write one * for each folder between" if "**" in text else ""]
Several = Names | Annotated[list[Names], filled]
Split = dict[Literal["train", "val", "test"], Number | Literal["rest"]]


class Source(Options):
    """A folder of images with masks."""

    images: Names
    masks: Several
    split: Split | None = None
    split_seed: int | None = None

    def wrong(self) -> str:
        """Masks are other files than images."""
        return same_files(self.images, self.masks)


class Tiles(Options):
    """Tiles that images are cut into, rows and columns; without a stride they touch."""

    size: tuple[Side, Side]
    stride: tuple[Count, Count] | None = None

    def wrong(self) -> str:
        """No pixel is left out."""
        if any(step > side for step, side in zip(self.stride or (), self.size)):
            return "the stride is larger than the size, which leaves pixels out; lower it"
        return ""


class Read(Options):
    """How images are read."""

    images: Names | None = None
    masks: Several | None = None
    sources: Annotated[list[Source], filled] | None = None
    classes: Annotated[dict[Number | Colour, Word], filled] | None = None
    threshold: float | None = None
    range: Interval | None = None
    page: Count | None = None
    size: tuple[Side, Side] | None = None
    tiles: Tiles | None = None
    grey: bool = False

    def wrong(self) -> str:
        """Images have masks, and one rule says what these mean."""
        if (self.images is None) != (self.masks is None):
            return "give both read.images and read.masks"
        for one, other in (("images", "sources"), ("classes", "threshold"), ("size", "tiles")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                return f"give one of read.{one} and read.{other}"
        return same_files(self.images or "", self.masks or []) or self._wrong_classes()

    def _wrong_classes(self) -> str:
        if self.classes is None:
            return ""
        names = set(self.classes.values()) - {BACKGROUND}
        if not names:
            return f"read.classes names nothing but {BACKGROUND}; name what the masks show"
        if len(names) > MOST_CLASSES:
            return f"read.classes has {len(names)} names; at most {MOST_CLASSES} can be told apart"
        if self.classes.get(0, BACKGROUND) != BACKGROUND and BACKGROUND not in self.classes.values():
            return (
                f"read.classes calls 0 '{self.classes[0]}' and no value {BACKGROUND}; name that one, as in "
                f"{{255: {BACKGROUND}}}"
            )
        return ""


def same_files(images: str, masks: str | list[str]) -> str:
    """Return what is wrong if masks are the images themselves."""
    return "the masks are the images; give them a pattern of their own" if images in masks_of(masks) else ""


def masks_of(given: str | list[str]) -> list[str]:
    """Return the patterns of masks as a list."""
    return [given] if isinstance(given, str) else list(given)
