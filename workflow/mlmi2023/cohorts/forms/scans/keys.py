"""The key ``read`` of the form ``scans``."""

from typing import Any

from mlmi2023.core.config import suggest
from mlmi2023.core.errors import InputError

READ_KEYS = ("groups", "modality", "spacing", "window", "scale", "missing", "crop", "labels_kept")
GROUP_KEYS = ("image", "images", "labels", "split", "site")
SCALES = ("zscore", "percentiles")
MISSING = ("refuse", "zero")
WHERE = "config of the cohort"


def read_key(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, groups with unlike channels, or a channel without one way of scaling.
    """
    read = {**((config.get("layout") or {}).get("read") or {}), **(config.get("read") or {})}
    for key in read:
        if key not in READ_KEYS:
            raise InputError(f"{WHERE}: unknown key 'read.{key}'{suggest(key, [*READ_KEYS])}")
    if read.get("missing", MISSING[0]) not in MISSING:
        raise InputError(f"{WHERE}: read.missing is {read['missing']!r}; choose {' or '.join(MISSING)}")
    names = modalities(read)
    for key in ("window", "scale"):
        for name in read[key] if isinstance(read.get(key), dict) else ():
            if name not in names:
                raise InputError(f"{WHERE}: read.{key} names '{name}'{suggest(name, names)}")
    for name in names:
        window, scale = scaling(read, name)
        own = f" for {name}" if len(names) > 1 else ""
        if bool(window) == bool(scale):
            raise InputError(
                f"{WHERE}: give one of read.window ([low, high]) and read.scale (zscore, percentiles){own}"
            )
        if scale not in (None, *SCALES):
            raise InputError(f"{WHERE}: read.scale is {scale!r}{own}; choose zscore or percentiles")
    return read


def modalities(read: dict[str, Any]) -> list[str]:
    """Return the names of a scan's images: of the groups' key ``images``, else the key ``modality``.

    Raises:
        InputError: the groups do not have the same ones, or a name that the packed folder needs.
    """
    groups = [group for group in read.get("groups") or [] if isinstance(group, dict)]
    several = [sorted(group.get("images") or ()) for group in groups]
    if not any(several):
        return [str(read.get("modality", "image"))]
    for number, own in enumerate(several):
        if own != several[0]:
            raise InputError(
                f"{WHERE}: read.groups[{number}] has the images {', '.join(own) or 'none'}, the first group "
                f"{', '.join(several[0]) or 'none'}; give all groups the same"
            )
    if "labels" in several[0]:
        raise InputError(f"{WHERE}: an image cannot be called 'labels'; rename it in read.groups")
    return [str(name) for name in groups[0]["images"]]


def scaling(read: dict[str, Any], name: str) -> tuple[Any, Any]:
    """Return an image's window and scale, one of them None; both keys may hold a value or one by image."""
    window, scale = read.get("window"), read.get("scale")
    return (
        window.get(name) if isinstance(window, dict) else window or None,
        scale.get(name) if isinstance(scale, dict) else scale or None,
    )
