"""Read the values of masks in everyday image formats; what they mean is for the form to say."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlmi2023.cohorts.formats.image_files import load_image
from mlmi2023.core.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

#: colours stand above all numbers that a mask can hold
_COLOURS = 2**40


def colour_value(text: str) -> int:
    """Return the value that a colour such as ``#ff0000`` has in :func:`mask_values`; greys are numbers."""
    red, green, blue = (int(text[n : n + 2], 16) for n in (1, 3, 5))
    return red if red == green == blue else _COLOURS + int(text[1:], 16)


def value_text(value: float) -> str:
    """Return a value as the configuration names it: ``255`` or ``'#ff0000'``."""
    return f"'#{int(value) - _COLOURS:06x}'" if value >= _COLOURS else f"{value:.10g}"


def mask_values(path: Path, page: int | None = None) -> np.ndarray:
    """Return the values of a mask, (H, W) numbers, upright.

    One bit is 0 and 255. A palette of greys stands for its greys, one with colours for its numbers. In files
    with channels greys are numbers, other colours those of :func:`colour_value`.

    Args:
        path: the file.
        page: the page of a file with several, from 1.

    Raises:
        InputError: it cannot be read, holds values that are no numbers, or its transparency means something.
    """
    image = _without_alpha(path, load_image(path, page))
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        if (palette != palette[:, :1]).any():
            return np.asarray(image if image.mode == "P" else image.getchannel(0))
        return np.asarray(image.convert("L"))
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8) * 255
    if image.mode[0] in "LIF":
        return _numbers(path, image)
    channels = np.asarray(image.convert("RGB"))
    red = channels[..., 0]
    grey = (channels == red[..., None]).all(axis=2)
    if grey.all():
        return red
    wide = channels.astype(np.int64)
    codes = _COLOURS + (wide[..., 0] << 16) + (wide[..., 1] << 8) + wide[..., 2]
    return np.where(grey, red, codes)


def brightness(path: Path, page: int | None = None) -> np.ndarray:
    """Return the brightest channel of a mask, (H, W) numbers; arguments and errors as :func:`mask_values`."""
    image = _without_alpha(path, load_image(path, page))
    if image.mode[0] in "LIF":
        return _numbers(path, image)
    return np.asarray(image.convert("RGB")).max(axis=2)


def _numbers(path: Path, image: "Image.Image") -> np.ndarray:
    values = np.asarray(image.convert("L") if image.mode == "LA" else image)
    lost = int((~np.isfinite(values)).sum())
    if lost:
        raise InputError(f"{path}: {lost} values of the mask are no numbers; fill them in")
    return values


def _without_alpha(path: Path, image: "Image.Image") -> "Image.Image":
    """Refuse a mask whose transparency tells pixels apart that have one colour; else it is no matter."""
    if image.mode in ("LA", "PA", "RGBA") or (image.mode == "P" and "transparency" in image.info):
        pixels = np.ascontiguousarray(image.convert("RGBA")).view(np.uint32)[..., 0]
        colours = pixels & np.frombuffer(b"\xff\xff\xff\x00", np.uint32)[0]
        if len(np.unique(pixels)) > len(np.unique(colours)):
            raise InputError(
                f"{path}: its transparency tells pixels of one colour apart; save the mask in grey without it"
            )
    return image
