"""The key ``read`` of the form ``scans``; the form says what the keys mean."""

import difflib
import re
from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Interval, Millimetres, Name, Number, filled, matching, named
from mlmi2023.core.options import Options
from mlmi2023.core.schemas import suggest

Word = Annotated[str, filled]
Pattern = Annotated[str, matching(r".*\{subject\}.*", "it needs {subject} where the names differ")]
#: along right, front, up
Spacing = tuple[Millimetres, Millimetres, Millimetres]
#: these alone, or these by the value that each becomes
Kept = Annotated[list[Count], filled] | Annotated[dict[Count, Count], filled]
USUAL = ("train", "val", "test", "all")


def split_word(value: str) -> str:
    """Refuse what looks like a slip in one of the usual words; ``test_b`` and words of one's own will do."""
    if not value:
        return "it must not be empty"
    if value == "eval" or re.fullmatch(rf"({'|'.join(USUAL)})([^A-Za-z].*)?", value):
        return ""
    close = difflib.get_close_matches(value, USUAL, 1, 0.7)
    return f"did you mean '{close[0]}'?" if close else ""


def file_name(value: str) -> str:
    """Accept names of images, which become names of files beside those of labels and landmarks."""
    if value.lower() in ("labels", "landmarks", "truth"):
        return "an image cannot be called so; rename it"
    if not re.fullmatch(r"\w[\w .+-]*", value):
        return "it becomes a file's name; use letters, digits, _ + - . and spaces"
    return ""


Modality = Annotated[str, file_name, named]
SplitWord = Annotated[str, split_word]
#: a word for all, counts in natural order, or lists of ids
Split = SplitWord | dict[SplitWord, Number | Literal["rest"] | list[str]]


Scale = Literal["zscore", "percentiles"]


class Group(Options):
    """Scans whose files are named alike: of one ``image``, or of several ``images`` by name."""

    labels: Pattern
    image: Pattern | None = None
    images: Annotated[dict[Modality, Pattern], filled] | None = None
    split: Split = "all"
    site: Name | Literal[""] = ""

    def wrong(self) -> str:
        """One image or several."""
        if (self.image is None) == (self.images is None):
            return "give one of 'image' and 'images'"
        for name, pattern in (self.images or {"image": self.image or ""}).items():
            if pattern == self.labels and not pattern.endswith(".pkl"):  # which may hold both
                return f"labels is '{pattern}', as {name} is; name the label maps"
        if isinstance(self.split, dict) and list(self.split.values()).count("rest") > 1:
            return "split says rest more than once; give numbers to all but one"
        return ""


class Read(Options):
    """How scans are read; ``window`` and ``scale`` hold for all images of a scan, or by the image's name."""

    groups: Annotated[list[Group], filled] | None = None
    modality: Modality = "image"
    spacing: Spacing | None = None
    smooth: bool = True
    window: Interval | dict[str, Interval] | None = None
    scale: Scale | dict[str, Scale] | None = None
    missing: Literal["refuse", "zero"] = "refuse"
    crop: bool = False
    labels_kept: Kept | None = None

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
