"""The key ``read`` of the form ``scans``."""

from typing import Any

from mlmi2023.core.config import suggest
from mlmi2023.core.errors import InputError

READ_KEYS = ("groups", "modality", "spacing", "window", "scale", "crop", "labels_kept")
GROUP_KEYS = ("image", "labels", "split", "site")


def read_key(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, or two ways of scaling.
    """
    read = {**((config.get("layout") or {}).get("read") or {}), **(config.get("read") or {})}
    for key in read:
        if key not in READ_KEYS:
            raise InputError(f"config of the cohort: unknown key 'read.{key}'{suggest(key, [*READ_KEYS])}")
    if bool(read.get("window")) == bool(read.get("scale")):
        raise InputError(
            "config of the cohort: give one of read.window ([low, high]) and read.scale (zscore, percentiles)"
        )
    if read.get("scale") not in (None, "zscore", "percentiles"):
        raise InputError(
            f"config of the cohort: read.scale is {read['scale']!r}; choose zscore or percentiles"
        )
    return read
