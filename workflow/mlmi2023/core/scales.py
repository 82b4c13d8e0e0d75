"""The scales of a run, and what a configuration file says at one of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.schemas import suggest

SCALES = ("demo", "bench", "paper")


def at_scale(config: Mapping[str, Any], scale: str) -> dict[str, Any]:
    """Return what ``config`` says at ``scale``: its part ``all`` with its part for the scale laid on it."""
    return merge(config.get("all", {}), config.get(scale) or {})


def scale_of(content: Any, scale: str, file: Path) -> dict[str, Any]:
    """Return :func:`at_scale` of what a file holds.

    Raises:
        InputError: its parts are not those of scales.
    """
    parts = ("all", *SCALES)
    if not isinstance(content, Mapping):
        raise InputError(f"{file}: holds no keys; give it {', '.join(parts)}")
    for key, part in content.items():
        if key not in parts:
            raise InputError(f"{file}: unknown key '{key}'{suggest(str(key), [*parts])}")
        if not isinstance(part, Mapping | None):
            raise InputError(f"{file}: key '{key}' is {part!r}; give it keys")
    if scale not in content and "all" not in content:
        raise InputError(f"{file}: says nothing about scale '{scale}'; add that key")
    return at_scale(content, scale)
