"""The key ``read`` of the form ``aligned_scans``."""

from typing import Any

from mlmi2023.core.config import suggest
from mlmi2023.core.errors import InputError

READ_KEYS = ("groups", "modality", "window", "spacing", "shape", "reference", "align", "labels_kept")
# for images of 6 mm: 24 mm, then 12 mm, then 6 mm
ALIGN: dict[str, Any] = {
    "spacing": 6.0,
    "kind": "affine",
    "iterations": [100, 50, 20],
    "shrink": [3, 2, 1],
    "smooth": [2, 1, 0],
    "sampling": 0.5,
}


def read_key(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, or one that is needed is missing.
    """
    read = {**((config.get("layout") or {}).get("read") or {}), **(config.get("read") or {})}
    for key in read:
        if key not in READ_KEYS:
            raise InputError(f"config of the cohort: unknown key 'read.{key}'{suggest(key, [*READ_KEYS])}")
    for key, length in (("window", 2), ("spacing", 3), ("shape", 3)):
        if not isinstance(read.get(key), list) or len(read[key]) != length:
            raise InputError(f"config of the cohort: key 'read.{key}' needs {length} numbers")
    align = read.get("align", {})
    for key in align or {}:
        if key not in ALIGN:
            raise InputError(f"config of the cohort: unknown key 'read.align.{key}'{suggest(key, [*ALIGN])}")
    return read
