"""The key ``read`` of the form ``scans``, with what a public dataset's layout says below it."""

from typing import Any

from mlmi2023.cohorts.forms.scans.options import Read
from mlmi2023.core.options import options


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> dict[str, Any]:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, two ways of scaling, or another value that cannot be used.
    """
    read = {**((config.get("layout") or {}).get("read") or {}), **(config.get("read") or {})}
    options(Read, read, where, "read")
    return read
