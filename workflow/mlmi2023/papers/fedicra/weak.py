"""Weak labels made of masks (Sect. 3): points, scribbles in two styles, boxes, blocks.

A label map has class + 1 where somebody has drawn, background included, and 0 elsewhere. Everything is drawn
by the random numbers of the image alone.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from mlmi2023.papers.fedicra.options import WeakLabels

#: no label
NONE = 0


def weak_label(
    mask: np.ndarray, classes: int, form: str, keys: WeakLabels, rng: np.random.Generator
) -> np.ndarray:
    """Return the weak label of a mask.

    Args:
        mask: (H, W), 0 for the background, 1 to ``classes`` for structures.
        classes: structures.
        form: see :data:`~.options.Form`; ``full`` labels every pixel.
        keys: sizes.
        rng: random numbers of the image.
    """
    if form == "full":
        return (mask + 1).astype(np.uint8)
    if form == "box":
        return boxed(mask, classes, keys, rng)
    draw = DRAWN[form]
    label = np.full(mask.shape, NONE, np.uint8)
    for value in range(classes + 1):
        own = mask == value
        if own.any():
            label = np.where(draw(own, keys, rng), value + 1, label)
    return label.astype(np.uint8)


def depth_of(own: np.ndarray) -> np.ndarray:
    """Return how deep each pixel lies in a class; the image's edge is a border too."""
    depth: np.ndarray = ndimage.distance_transform_edt(np.pad(own, 1))[1:-1, 1:-1]
    return depth


def place_in(own: np.ndarray, rng: np.random.Generator, least: float = 0.5) -> tuple[int, int]:
    """Return a random pixel at least ``least`` as deep in a class as its deepest."""
    depth = depth_of(own)
    places = np.argwhere(depth >= least * depth.max())
    row, column = places[rng.integers(len(places))]
    return int(row), int(column)


def point(own: np.ndarray, keys: WeakLabels, rng: np.random.Generator) -> np.ndarray:
    """Return a disk inside a class."""
    row, column = place_in(own, rng)
    y, x = np.indices(own.shape)
    return own & (np.hypot(y - row, x - column) <= keys.point)


def scribble(own: np.ndarray, keys: WeakLabels, rng: np.random.Generator) -> np.ndarray:
    """Return a stretch of the class's skeleton, inside it."""
    return own & _thick(_stretch(skeletonize(own), keys.length, rng), keys.line)


def noisy_scribble(own: np.ndarray, keys: WeakLabels, rng: np.random.Generator) -> np.ndarray:
    """Return the same by an unsteady hand: it strays, and may leave its class."""
    line = _stretch(skeletonize(own), keys.length, rng)
    waves = [ndimage.gaussian_filter(rng.normal(size=own.shape), 4) for _ in range(2)]
    waves = [keys.jitter * wave / max(float(np.abs(wave).max()), 1e-9) for wave in waves]
    places = np.argwhere(line)
    moved = np.rint(places + np.stack([wave[line] for wave in waves], 1)).astype(int)
    found = np.zeros_like(own)
    found[tuple(np.clip(moved, 0, np.array(own.shape) - 1).T)] = True
    return _thick(found, keys.line)


def block(own: np.ndarray, keys: WeakLabels, rng: np.random.Generator) -> np.ndarray:
    """Return a square inside a class, as far as that reaches."""
    row, column = place_in(own, rng, 0.8)
    low, high = keys.block
    half = max(1, round(float(depth_of(own)[row, column]) * rng.uniform(low, high)))
    found = np.zeros_like(own)
    found[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1] = True
    return own & found


def boxed(mask: np.ndarray, classes: int, keys: WeakLabels, rng: np.random.Generator) -> np.ndarray:
    """Return what a box around each structure, with those inside it, is turned into.

    Only boxes are looked at: the background is a frame around the outer box; a structure is drawn midway
    between its box and the next, or in the middle of the last: as an ellipse, or as blocks.
    """
    boxes = [ndimage.find_objects((mask >= value).astype(np.uint8))[0] for value in range(1, classes + 1)
             if (mask >= value).any()]  # fmt: skip
    label = np.full(mask.shape, NONE, np.uint8)
    y, x = np.indices(mask.shape)
    if not boxes:
        label[:] = 1
        return label
    scaled = [_scaled(y, x, box) for box in boxes]
    margin = 1 + rng.integers(1, 3)
    outer = np.maximum(*(np.abs(part) for part in scaled[0]))
    side = max(boxes[0][0].stop - boxes[0][0].start, boxes[0][1].stop - boxes[0][1].start)
    beyond = (outer - 1) * side / 2
    label[(beyond > margin) & (beyond <= margin + (2 if keys.boxes == "scribble" else 6) * keys.line)] = 1
    for value, (down, right) in enumerate(scaled, 1):
        away = np.hypot(down, right)
        height = max(boxes[value - 1][0].stop - boxes[value - 1][0].start, 2) / 2
        if value < len(scaled):
            inner = np.hypot(*scaled[value])
            # midway between two ellipses: as far inside the one as outside the other
            line = np.abs((1 - away) * height - (inner - 1) * _half(boxes[value])) <= keys.line
            line &= (away < 1) & (inner > 1)
        elif keys.boxes == "block":
            line = np.maximum(np.abs(down), np.abs(right)) <= rng.uniform(*keys.block) / np.sqrt(2)
        else:
            line = (np.abs(down) * height <= keys.line / 2) & (np.abs(right) <= keys.length)
        label[line] = value + 1
    return label


def _half(box: tuple[slice, slice]) -> float:
    return max(box[0].stop - box[0].start, 2) / 2


def _scaled(y: np.ndarray, x: np.ndarray, box: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """Return places relative to a box, -1 to 1 from side to side."""
    found = []
    for place, side in zip((y, x), box):
        middle, half = (side.start + side.stop - 1) / 2, max(side.stop - side.start, 1) / 2
        found.append((place - middle) / half)
    return found[0], found[1]


def _stretch(line: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return the pixels of a line that lie nearest to one of them, a share of all."""
    places = np.argwhere(line)
    start = places[rng.integers(len(places))]
    away = np.hypot(*(places - start).T)
    kept = places[np.argsort(away, kind="stable")[: max(1, round(share * len(places)))]]
    found = np.zeros_like(line)
    found[tuple(kept.T)] = True
    return found


def _thick(line: np.ndarray, width: int) -> np.ndarray:
    """Return a line of so many pixels."""
    if width == 1:
        return line
    thick: np.ndarray = ndimage.binary_dilation(line, np.ones((width, width), bool))
    return thick


DRAWN: dict[str, Callable[..., np.ndarray]] = {
    "point": point,
    "scribble": scribble,
    "noisy_scribble": noisy_scribble,
    "block": block,
}
