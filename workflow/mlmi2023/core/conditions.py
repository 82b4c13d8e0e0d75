"""Conditions on values of models (:mod:`mlmi2023.core.options`), and kinds of value that most models need.

A condition returns what is wrong with a value, or an empty text.
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any

Condition = Callable[[Any], str]
#: voxels of a volume; the largest CT have half of that
MOST_VOXELS = 2**30


def at_least(least: float) -> Condition:
    """Accept numbers from ``least`` on."""
    return lambda value: "" if value >= least else f"it must be at least {least:g}"


def above(least: float) -> Condition:
    """Accept numbers above ``least``."""
    return lambda value: "" if value > least else f"it must be above {least:g}"


def between(low: float, high: float) -> Condition:
    """Accept numbers from ``low`` to ``high``, both included."""
    return lambda value: "" if low <= value <= high else f"it must lie between {low:g} and {high:g}"


def one_of(*words: str) -> Condition:
    """Accept these words."""
    return lambda value: "" if value in words else f"choose {' or '.join(words)}"


def filled(value: Any) -> str:
    """Accept lists, mappings and texts that are not empty."""
    return "" if len(value) else "it must not be empty"


def unset(reason: str) -> Condition:
    """Accept empty texts and 0 alone, of keys that are known and not to be used; ``reason`` says why."""
    return lambda value: reason if value else ""


def rising(value: Any) -> str:
    """Accept ``[low, high]`` with the first below the second."""
    return "" if value[0] < value[1] else "the first must be below the second"


def rising_or_equal(value: Any) -> str:
    """Accept ``[low, high]`` with the first not above the second."""
    return "" if value[0] <= value[1] else "the first must not be above the second"


def matching(pattern: str, fix: str) -> Condition:
    """Accept texts that match ``pattern`` from end to end; ``fix`` says what is meant."""
    found = re.compile(pattern)
    return lambda value: "" if found.fullmatch(value) else fix


def named(value: str) -> str:
    """Accept names that can be one file's or folder's: none leads elsewhere, hides, or breaks a line."""
    if not value.strip() or value != value.strip():
        return "a name must not be empty, nor begin or end with a blank"
    if value.startswith(".") or re.search(r"[/\\\x00-\x1f\x7f]", value):
        return "a name must not begin with a dot or hold a slash; it becomes the name of a file"
    return "" if len(value.encode()) <= LONGEST else f"a name must have at most {LONGEST} bytes"


#: bytes of a name: leaves room for what is put before and behind it in a file's (at most 255 on any disk)
LONGEST = 120
#: of a volume, an image, a subject, a part: becomes the name of a file
Name = Annotated[str, named]


def fits_memory(value: Any) -> str:
    """Accept the shape of a volume that a machine can hold."""
    count = math.prod(value)
    return "" if count <= MOST_VOXELS else f"{count:.2g} voxels are more than memory holds; lower it"


Count = Annotated[int, at_least(1)]
Number = Annotated[int, at_least(0)]
Positive = Annotated[float, above(0)]
Amount = Annotated[float, at_least(0)]
Share = Annotated[float, between(0, 1)]
#: sizes level by level
Counts = Annotated[tuple[Count, ...], filled]
#: low and high
Interval = Annotated[tuple[float, float], rising]
#: voxels along right, front, up
Edge = Annotated[int, between(2, 2048)]
Shape = Annotated[tuple[Edge, Edge, Edge], fits_memory]
#: mm of a voxel
Millimetres = Annotated[float, between(0.01, 100)]
