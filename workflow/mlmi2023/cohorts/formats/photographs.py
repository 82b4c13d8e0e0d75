"""Read photographs in everyday formats as 8 bits, and write them."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.image_files import load_image
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic

#: of files whose colours have 16 bits PIL keeps the upper 8, which is this range
DEEP = (0, 65535)


def read_photo(
    path: Path, grey: bool = False, span: tuple[float, float] | None = None, page: int | None = None
) -> tuple[np.ndarray, float]:
    """Read an upright image as 8 bits.

    Transparency is dropped.

    Args:
        path: the file.
        grey: one channel instead of three.
        span: what becomes 0 and 255, in the file's own units; None takes 8 bits as they are.
        page: the page of a file with several, from 1.

    Returns:
        the image (H, W, 3), or (H, W, 1) if ``grey``, uint8; and the share of its values beyond ``span``.

    Raises:
        InputError: the file cannot be read, or holds values that are no numbers.
    """
    image = load_image(path, page)
    mode = "L" if grey else "RGB"
    if image.mode[0] not in "IF":
        try:
            values = np.asarray(image.convert(mode))
        except ValueError as error:
            raise InputError(f"{path}: has colours of the kind {image.mode}; save it as RGB") from error
        values = values if values.ndim == 3 else values[..., None]
        deep = span is not None and tuple(span) == DEEP
        if span is None or deep:
            return values, 0.0
        return _eight_bits(values, span)
    values = np.asarray(image)
    lost = int((~np.isfinite(values)).sum())
    if lost:
        raise InputError(f"{path}: {lost} of its values are no numbers; fill them in")
    bits, beyond = _eight_bits(values, span or (0, 255))
    return np.repeat(bits[..., None], 1 if grey else 3, axis=2), beyond


def _eight_bits(values: np.ndarray, span: tuple[float, float]) -> tuple[np.ndarray, float]:
    low, high = span
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    beyond = float(((values < low) | (values > high)).mean())
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8), beyond


def resized_photo(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image (H, W, C) at rows and columns ``size``; bilinear, smoothed where it shrinks."""
    from PIL import Image

    if photo.shape[:2] == tuple(size):
        return photo
    image = Image.fromarray(photo[..., 0] if photo.shape[2] == 1 else photo)
    array = np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    return array if array.ndim == 3 else array[..., None]


def write_png(path: Path, array: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3) uint8 as PNG; the same array gives the same bytes."""
    from PIL import Image

    with atomic(path) as part:
        Image.fromarray(array).save(part, compress_level=6)
