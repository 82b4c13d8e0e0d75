"""The key ``read`` of the form ``scans``."""

from typing import Any

from mlmi2023.cohorts.forms.scans.options import Read
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options

WHERE = "config of the cohort"


def read_key(config: dict[str, Any], where: str = WHERE) -> dict[str, Any]:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, groups with unlike images, an image without one way of scaling, or another
            value that cannot be used.
    """
    read = {**((config.get("layout") or {}).get("read") or {}), **(config.get("read") or {})}
    options(Read, read, where, "read")
    return read


def modalities(read: dict[str, Any]) -> list[str]:
    """Return the names of a scan's images: of the groups' key ``images``, else the key ``modality``.

    Raises:
        InputError: the groups do not have the same ones.
    """
    groups = read.get("groups") or []
    several = [sorted(group.get("images") or ()) for group in groups]
    if not any(several):
        return [str(read.get("modality", "image"))]
    if any(own != several[0] for own in several):
        raise InputError(f"{WHERE}: give all of read.groups the same images")
    return [str(name) for name in groups[0]["images"]]


def scaling(read: dict[str, Any], name: str) -> tuple[Any, Any]:
    """Return an image's window and scale, one of them None; both keys may hold a value or one by image."""
    window, scale = read.get("window"), read.get("scale")
    return (
        window.get(name) if isinstance(window, dict) else window or None,
        scale.get(name) if isinstance(scale, dict) else scale or None,
    )
