"""What no image may be: of another range than stated, blank, or turned otherwise than its mask."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.image_files import Header, load_image
from mlmi2023.cohorts.formats.photographs import DEEP
from mlmi2023.cohorts.forms.images.listing import Item
from mlmi2023.cohorts.forms.images.options import Read
from mlmi2023.core.errors import InputError

#: levels of 255: the spread below which an image is blank, and what a whole cohort must span
BLANK, NARROW = 1.0, 32
#: images that are looked at to say what a cohort's files hold
SHOWN = 50


def check_range(where: str, read: Read, items: Sequence[Item], headers: Sequence[Header]) -> None:
    """Let one range hold for all images of a cohort.

    Raises:
        InputError: files have more than 8 bits and ``read.range`` is not set, or only some have.
    """
    wide = [item for item, header in zip(items, headers) if header.wide]
    if not wide:
        return
    if len(wide) < len(items):
        other = next(item for item, header in zip(items, headers) if not header.wide)
        raise InputError(
            f"{wide[0].photo}: has more than 8 bits, {other.photo} has 8; one range cannot hold for both, so "
            "save all in one way"
        )
    coloured = next((item for item, header in zip(items, headers) if header.colours), None)
    if coloured and read.range != DEEP:
        raise InputError(
            f"{coloured.photo}: has colours of 16 bits, whose upper 8 are read; set 'read.range' to "
            f"{list(DEEP)} if they fill that, else save with 8 bits"
        )
    if read.range is None:
        low, high = _extremes([Path(item.photo) for item in wide[:SHOWN]], read.page)
        raise InputError(
            f"{where}: {wide[0].photo} has more than 8 bits; set 'read.range' to what becomes black and "
            f"white (the first {min(len(wide), SHOWN)} files hold {low:.6g} to {high:.6g})"
        )


def _extremes(files: Sequence[Path], page: int | None) -> tuple[float, float]:
    ends = []
    for file in files:
        values = np.asarray(load_image(file, page))
        if not np.isfinite(values).all():
            raise InputError(f"{file}: some of its values are no numbers; fill them in")
        ends += [float(values.min()), float(values.max())]
    return min(ends), max(ends)


def check_pair(photo: Path, header: Header, mask: Path, own: Header) -> None:
    """Refuse a mask of another shape than its image, or that may lie otherwise.

    A mask without orientation beside an image with one was drawn on either; the shape tells which unless
    both are alike.
    """
    if own.shape != header.shape:
        turned = ", turned upright by its EXIF" if header.turned > 1 else ""
        raise InputError(
            f"{mask}: has {own.rows} x {own.columns} pixels, its image {header.rows} x {header.columns}"
            f"{turned}; give the mask of this image"
        )
    told = header.rows != header.columns and (header.turned > 4) != (own.turned > 4)
    if header.turned != own.turned and not told:
        one, other = (photo, mask) if header.turned > 1 else (mask, photo)
        raise InputError(
            f"{one}: its EXIF says that it is turned, which {other} does not say; save both upright, and "
            "look at them one over the other"
        )


def check_blank(photo: Path, image: np.ndarray, read: Read) -> None:
    """Refuse an image (H, W, C) uint8 that is nearly constant."""
    step = max(1, min(image.shape[:2]) // 256)
    if image[::step, ::step].std(axis=(0, 1)).max() < BLANK and image.std(axis=(0, 1)).max() < BLANK:
        fix = "lower 'read.range'" if read.range else "set 'read.range' to what its files hold"
        raise InputError(
            f"{photo}: is nearly constant, {image.min()} to {image.max()} of 0 to 255; remove it, or {fix}"
        )


def check_packed(where: str, images: np.ndarray, masks: np.ndarray, read: Read, names: Sequence[str]) -> None:
    """Refuse a cohort that is nearly black, or whose masks show nothing or everywhere something.

    Args:
        where: how messages name the configuration.
        images: (N, H, W, C) uint8.
        masks: (N, H, W) uint8.
        read: how they were read.
        names: of the classes.
    """
    low, high = min(int(i.min()) for i in images), max(int(i.max()) for i in images)
    if high - low < NARROW:
        raise InputError(
            f"{where}: all images together take {low} to {high} of 0 to 255; set 'read.range' to what "
            "their files hold"
        )
    rule = "read.threshold" if read.threshold is not None else "read.classes"
    if not any(mask.any() for mask in masks):
        raise InputError(
            f"{where}: no mask shows {' or '.join(names)}; say in '{rule}' what their values mean"
        )
    if all(mask.all() and (mask == masks[0, 0, 0]).all() for mask in masks):
        raise InputError(
            f"{where}: every pixel of every mask is {' or '.join(names)}; say in '{rule}' what background is"
        )


def check_room(out: Path, shape: Sequence[int]) -> None:
    """Refuse arrays of ``shape`` bytes that the disk has no room for; writing them would end the process."""
    need, free = int(np.prod([float(side) for side in shape])), shutil.disk_usage(out).free
    if need > free:
        raise InputError(
            f"{out}: needs {need / 1e9:.0f} GB, {free / 1e9:.0f} are free; lower 'read.size', or free space"
        )
