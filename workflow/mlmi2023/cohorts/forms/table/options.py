"""The key ``read`` of the form ``table``; :mod:`.own` and the importers say what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Number, Share, between, filled, matching
from mlmi2023.core.options import Options

Word = Annotated[str, filled]
#: what stands in a cell
Code = str | int | float
Codes = Code | tuple[Code, ...]
Field = Annotated[int, between(1, 999_999)]


def text_encoding(name: str) -> str:
    """Accept names of encodings that Python knows."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError, ValueError):
        return "no encoding has this name; give one such as latin-1, cp1252 or utf-16"
    return ""


def rising_ranges(fields: dict[int, int] | list[int]) -> str:
    """Accept lists and ranges that hold something."""
    wrong = [f"{a}: {b}" for a, b in fields.items() if a > b] if isinstance(fields, dict) else []
    return f"the range {wrong[0]} is empty; give the first field and then the last" if wrong else ""


class Above(Options):
    """Cut a numeric target at a value of the user's own."""

    above: float


class Tidy(Options):
    """Tables in the tidy form."""

    classes: dict[str, Annotated[list[Code], filled]] | None = None


class Own(Tidy):
    """A table of the user's own."""

    file: Word
    subject: Word = "subject"
    target: Word | Annotated[list[Word], filled] = "target"
    drop: tuple[Code, ...] = ()
    missing: Codes | dict[str, Codes] = ()
    categories: tuple[Word, ...] = ()
    binarise: Literal["median"] | Above | None = None
    separator: Annotated[str, matching(".|\t", "it must be one character")] | None = None
    decimal: Literal[".", ","] = "."
    encoding: Annotated[str, filled, text_encoding] | None = None

    def wrong(self) -> str:
        """A column has one use."""
        targets = [self.target] if isinstance(self.target, str) else self.target
        used = [self.subject, *targets, *self.categories]
        twice = [name for place, name in enumerate(used) if name in used[:place]]
        if twice:
            return f"column {twice[0]} has two uses among subject, target and categories; keep one"
        if self.decimal == "," and self.separator == ",":
            return "separator and decimal are both ','; set another separator"
        return ""


class Tadpole(Options):
    """TADPOLE's release."""

    max_missing: Share = 0.5
    drop: tuple[Word, ...] = ()


class Ukbb(Options):
    """An extract of UK Biobank."""

    file: Word = "ukb.csv"
    instance: Number = 2
    fields: (
        Annotated[
            dict[str, Annotated[dict[Field, Field] | list[Field], filled, rising_ranges]],
            filled,
        ]
        | None
    ) = None


#: by importer
IMPORTERS: dict[str, type[Options]] = {"tadpole": Tadpole, "ukbb": Ukbb}
