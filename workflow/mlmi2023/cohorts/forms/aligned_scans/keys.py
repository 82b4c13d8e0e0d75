"""The key ``read`` of the form ``aligned_scans``, with what a public dataset's layout says below it."""

from typing import Any

from mlmi2023.cohorts.forms.aligned_scans.options import Align, Read
from mlmi2023.core.options import options

ALIGN: dict[str, Any] = dict(vars(Align()))


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> dict[str, Any]:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, one that is needed is missing, or a value that cannot be used.
    """
    read = {**((config.get("layout") or {}).get("read") or {}), **(config.get("read") or {})}
    options(Read, read, where, "read")
    return read
