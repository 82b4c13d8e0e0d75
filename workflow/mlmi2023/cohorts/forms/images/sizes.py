"""At which size images are kept: their own, one that is stated, or tiles; whatever is resized is said."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from mlmi2023.cohorts.formats.image_files import Header
from mlmi2023.cohorts.forms.images.listing import Item
from mlmi2023.cohorts.forms.images.options import Read, Tiles
from mlmi2023.core.errors import InputError

Shape = tuple[int, int]
LEAST = 8


class Tile(NamedTuple):
    """A part of an image: its name, and its first row and column."""

    name: str
    top: int
    left: int


def target_size(where: str, read: Read, items: Sequence[Item], headers: Sequence[Header]) -> Shape:
    """Return rows and columns of what is packed.

    Raises:
        InputError: an image is too small, or sizes differ and ``read`` does not say what becomes of them.
    """
    for item, header in zip(items, headers):
        least = read.tiles.size if read.tiles else (LEAST, LEAST)
        if any(side < low for side, low in zip(header.shape, least)):
            fix = "lower 'read.tiles.size'" if read.tiles else "remove it"
            raise InputError(
                f"{item.photo}: has {_by(header.shape)} pixels, less than {_by(least)}; {fix}, or export "
                "it larger"
            )
    if read.tiles or read.size:
        return read.tiles.size if read.tiles else read.size or (0, 0)
    sizes = Counter(header.shape for header in headers)
    if len(sizes) > 1:
        several = ", ".join(_by(size) for size, _ in sizes.most_common(3))
        raise InputError(
            f"{where}: images have different sizes ({several}); set 'read.size' to [rows, columns] that all "
            "are resized to, or 'read.tiles' to cut them"
        )
    return next(iter(sizes))


def tiles_of(name: str, shape: Shape, tiles: Tiles | None) -> list[Tile]:
    """Return the tiles of an image, row by row; the last of a row or column ends at the image's edge.

    Args:
        name: the image's id.
        shape: its rows and columns.
        tiles: their size and stride; None keeps the image as one.
    """
    if tiles is None:
        return [Tile(name, 0, 0)]
    tops, lefts = (
        _starts(length - side, step)
        for length, side, step in zip(shape, tiles.size, tiles.stride or tiles.size)
    )
    return [Tile(f"{name}_y{top}_x{left}", top, left) for top in tops for left in lefts]


def _starts(last: int, step: int) -> list[int]:
    return [*range(0, last, step), last]


def resizing(shapes: Sequence[Shape], size: Shape) -> str:
    """Return what is resized, in words; an empty text if nothing is.

    Args:
        shapes: rows and columns of each image.
        size: what they become.
    """
    changed = Counter(shape for shape in shapes if shape != tuple(size))
    if not changed:
        return ""
    common, count = changed.most_common(1)[0]
    factors = [_aspect(shape, size) for shape in changed]
    most = f"aspect changes by up to {max(factors):.2f}" if max(factors) >= 1.005 else "aspect stays"
    others = sum(changed.values()) - count
    rest = f" and {others} of {len(changed) - 1} other sizes" if others else ""
    return f"{count} images of {_by(common)}{rest} to {_by(size)}, {most}"


def _aspect(shape: Shape, size: Shape) -> float:
    factor = (size[1] / size[0]) / (shape[1] / shape[0])
    return max(factor, 1 / factor)


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
