"""The key ``read`` of the form ``scans``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Interval, Number, Positive, filled, matching
from mlmi2023.core.options import Options
from mlmi2023.core.schemas import suggest

Word = Annotated[str, filled]
Pattern = Annotated[str, matching(r".*\{subject\}.*", "it needs {subject} where the names differ")]
Spacing = tuple[Positive, Positive, Positive]
#: a word for all, counts in natural order, or lists of ids
Split = Word | dict[str, Number | Literal["rest"] | list[str]]


Scale = Literal["zscore", "percentiles"]


class Group(Options):
    """Scans whose files are named alike: of one ``image``, or of several ``images`` by name."""

    labels: Pattern
    image: Pattern | None = None
    images: Annotated[dict[str, Pattern], filled] | None = None
    split: Split = "all"
    site: str = ""

    def wrong(self) -> str:
        """One image or several."""
        if (self.image is None) == (self.images is None):
            return "give one of 'image' and 'images'"
        return "an image cannot be called 'labels'; rename it" if "labels" in (self.images or ()) else ""


class Read(Options):
    """How scans are read; ``window`` and ``scale`` hold for all images of a scan, or by the image's name."""

    groups: Annotated[list[Group], filled] | None = None
    modality: Word = "image"
    spacing: Spacing | None = None
    smooth: bool = True
    window: Interval | dict[str, Interval] | None = None
    scale: Scale | dict[str, Scale] | None = None
    missing: Literal["refuse", "zero"] = "refuse"
    crop: bool = False
    labels_kept: Annotated[list[Count], filled] | None = None

    def wrong(self) -> str:
        """Groups have the same images, and each image is scaled in one way."""
        several = [sorted(group.images or ()) for group in self.groups or []]
        for number, own in enumerate(several):
            if own != several[0]:
                return (
                    f"read.groups[{number}] has the images {', '.join(own) or 'none'}, the first group "
                    f"{', '.join(several[0]) or 'none'}; give all groups the same"
                )
        names = several[0] if several and several[0] else [self.modality]
        for key, given in (("window", self.window), ("scale", self.scale)):
            for name in given if isinstance(given, dict) else ():
                if name not in names:
                    return f"read.{key} names '{name}'{suggest(name, names)}"
        for name in names:
            ways = [
                given.get(name) if isinstance(given, dict) else given for given in (self.window, self.scale)
            ]
            if (ways[0] is None) == (ways[1] is None):
                which = f" for {name}" if len(names) > 1 else ""
                return f"give one of read.window ([low, high]) and read.scale (zscore, percentiles){which}"
        return ""
