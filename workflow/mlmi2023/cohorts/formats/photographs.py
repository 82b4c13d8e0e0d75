"""Read photographs and masks in everyday formats: PNG, JPEG, TIFF, GIF, BMP."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic

if TYPE_CHECKING:
    from PIL import Image


def size_of(path: Path) -> tuple[int, int]:
    """Return rows and columns of an image file; only its header is read."""
    width, height = _open(path).size
    return height, width


def read_photo(path: Path, size: tuple[int, int], grey: bool = False) -> np.ndarray:
    """Read an image as 8 bits, (H, W, 3), or (H, W, 1) if ``grey``.

    Transparency is dropped; 16 bits are divided by 257; other sizes are resampled bilinearly, smoothed where
    the image shrinks.

    Raises:
        InputError: no such file, or it is broken or empty.
    """
    from PIL import Image

    image = _loaded(path)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        high = 257.0 if values.max() > 255 else 1.0
        image = Image.fromarray(np.clip(np.rint(values / high), 0, 255).astype(np.uint8))
    image = image.convert("L" if grey else "RGB")
    image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR) if image.size[::-1] != size else image
    array = np.asarray(image)
    return array[..., None] if grey else array


def read_mask(paths: list[Path], values: list[int], size: tuple[int, int], photo: Path) -> np.ndarray:
    """Read one or several masks of an image as labels, (H, W) uint8.

    Args:
        paths: mask files; several are laid on each other.
        values: pixel values that become 1, 2, ...; empty: one class, which is what exceeds half of 255 (or of
            1 or 65535, where the file's type says so).
        size: rows and columns wanted; a mask of one class is resampled bilinearly and cut at a half, others
            by nearest neighbour.
        photo: the image, whose shape the mask must have.

    Raises:
        InputError: a file is broken, of another shape than the image, or holds a value that is not listed.
    """
    from PIL import Image

    labels = np.zeros(size, np.uint8)
    shape = size_of(photo)
    for path in paths:
        raw = _grey_values(_loaded(path))
        if raw.shape != shape:
            raise InputError(
                f"{path}: has {raw.shape[0]} x {raw.shape[1]} pixels, its image {shape[0]} x {shape[1]}; "
                "give the mask of this image"
            )
        if values:
            own = np.zeros(raw.shape, np.uint8)
            for number, value in enumerate(values, 1):
                own[raw == value] = number
            unknown = np.setdiff1d(raw, [0, *values])
            if len(unknown):
                raise InputError(
                    f"{path}: holds the value {unknown[0]}, which 'read.classes' does not name; add it there"
                )
            own = np.asarray(Image.fromarray(own).resize((size[1], size[0]), Image.Resampling.NEAREST))
            labels = np.where(own > 0, own, labels)
        else:
            share = Image.fromarray((raw > _half(raw)).astype(np.float32))
            smooth = np.asarray(share.resize((size[1], size[0]), Image.Resampling.BILINEAR))
            labels |= (smooth > 0.5).astype(np.uint8)
    return labels


def _half(raw: np.ndarray) -> float:
    high = int(raw.max(initial=0))
    return 0.5 if high <= 1 else 127.5 if high <= 255 else 32767.5


def _grey_values(image: "Image.Image") -> np.ndarray:
    """Return a mask's values as (H, W) integers; colours are taken by their brightest channel."""
    if image.mode == "P":
        # a palette's numbers mean nothing by themselves; its colours do
        image = image.convert("RGB")
    if image.mode in ("RGBA", "LA"):
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    array = np.asarray(image)
    if array.dtype == bool:
        return array.astype(np.int64) * 255
    return (array.max(axis=2) if array.ndim == 3 else array).astype(np.int64)


def write_png(path: Path, array: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3) uint8 as PNG; the same array gives the same bytes."""
    from PIL import Image

    with atomic(path) as part:
        Image.fromarray(array).save(part, compress_level=6)


def _open(path: Path) -> "Image.Image":
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the cohort's root and patterns") from error
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: no readable image ({error}); fetch or export it again") from error


def _loaded(path: Path) -> "Image.Image":
    image = _open(path)
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: the image is cut off or broken ({error}); fetch it again") from error
    return image
