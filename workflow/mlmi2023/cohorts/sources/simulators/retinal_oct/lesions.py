"""Lesions and what only looks like them: irregular outlines of an exact area, and where they may lie."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.retinal_oct.retina import Retina, Surfaces, between

#: waves around an outline
WAVES = np.arange(2, 10)
#: distance from surfaces that what must not touch them keeps; from one shape to the next
GAP, APART = 0.035, 0.03
#: how often a place is looked for
TRIES = 30
#: how much smaller a lesion is at the sides of its stack of B-scans
SMALLEST = 0.4


@dataclass(frozen=True)
class Shape:
    """An outline, up to where in the image it lies; it changes slowly from one B-scan to the next.

    Attributes:
        place: one of ``options.PLACES``.
        column: of its middle.
        share: where it lies between the surfaces of its place, 0 (above) to 1.
        area: largest share of the image.
        middle: B-scan where it is largest, 0 to 1.
        aspect: width over height.
        rough: spread of the outline about the ellipse.
        waves: height and phase of each wave, (2, 8).
        level: of its scattering, dB.
    """

    place: str
    column: float
    share: float
    area: float
    middle: float
    aspect: float
    rough: float
    waves: np.ndarray
    level: float

    def at(self, rng: np.random.Generator, scan: float, least: float) -> "Shape":
        """Return its outline in the B-scan at ``scan``, 0 to 1: of another area, moved and bent a little."""
        factor = max(1 - (1 - SMALLEST) * (2 * (scan - self.middle)) ** 2, SMALLEST)
        bent = self.waves + np.array([[0.0], [1.2]]) * (scan - self.middle) + rng.normal(0, 0.1, (2, 1))
        column = self.column + float(rng.normal(0, 0.006))
        return replace(self, column=column, area=max(self.area * factor, least), waves=bent)


@dataclass(frozen=True)
class Spot:
    """A shape in an image: its mask (H, W), and how much of its level shows there, 0 to 1."""

    mask: np.ndarray
    cover: np.ndarray


def draw_shapes(
    rng: np.random.Generator, own: dict[str, Any], places: list[str], look: dict[str, Any], retina: Retina
) -> list[Shape]:
    """Draw a patient's lesions or distractors.

    Args:
        rng: the patient's.
        own: options with ``count`` and ``area``; the areas of several sum up to one drawn area.
        places: where each may lie; one is drawn.
        look: options with ``aspect``, ``rough`` and ``level``.
        retina: lesions lie around its fovea.
    """
    low, high = own["count"]
    count = int(rng.integers(int(low), int(high) + 1))
    area = float(np.exp(rng.uniform(*np.log(own["area"]))))
    return [
        Shape(
            place=str(rng.choice(places)),
            column=float(np.clip(retina.fovea + rng.uniform(-0.3, 0.3), 0.12, 0.88)),
            share=float(rng.uniform()),
            area=area / count,
            middle=float(rng.uniform(0.2, 0.8)),
            aspect=between(rng, look["aspect"]),
            rough=between(rng, look["rough"]),
            waves=np.stack([rng.normal(0, 1, len(WAVES)), rng.uniform(0, 2 * np.pi, len(WAVES))]),
            level=between(rng, look["level"]),
        )
        for _ in range(count)
    ]


def paint_shape(shape: Shape, own: Surfaces, x: np.ndarray, y: np.ndarray, edge: float, floor: float) -> Spot:
    """Return a shape in a B-scan; its mask has the shape's area up to a pixel where its place has room.

    Args:
        shape: what is drawn.
        own: surfaces of the B-scan.
        x: columns (W,).
        y: rows (H,).
        edge: width of the soft edge, as a share of the radius.
        floor: share of the thickness where the inside of the retina ends, from above and from below.
    """
    height = np.sqrt(shape.area / np.pi / shape.aspect)
    allowed, middle = _room(shape, own, x, y, height, floor)
    column = int(np.argmin(np.abs(x - shape.column)))
    # what lies in or under the retina follows its curve
    bend = own.pigment - own.pigment[column]
    v = (y[:, None] - bend - middle[column]) * np.sqrt(shape.aspect)
    u = np.broadcast_to((x - shape.column) / np.sqrt(shape.aspect), v.shape)
    distance, angle = np.hypot(u, v), np.arctan2(v, u)
    heights = shape.waves[0] / np.sqrt(WAVES)
    wave = (
        heights[:, None, None] * np.cos(WAVES[:, None, None] * angle + shape.waves[1, :, None, None])
    ).sum(0)
    relative = np.where(allowed, distance / np.maximum(1 + shape.rough * wave, 0.35), np.inf)
    pixels = min(max(1, round(shape.area * relative.size)), int(allowed.sum()))
    if pixels == 0:
        nothing = np.zeros(relative.shape)
        return Spot(nothing > 0, nothing)
    border = np.partition(relative, pixels - 1, axis=None)[pixels - 1]
    mask = relative <= border
    cover = np.clip((1 - relative / max(float(border), 1e-9)) / (2 * edge) + 0.5, 0, 1)
    return Spot(mask, np.where(allowed, cover, 0.0))


def _room(
    shape: Shape, own: Surfaces, x: np.ndarray, y: np.ndarray, height: float, floor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where a shape may lie (H, W), and the depth of its middle at each column (W,)."""
    rows = y[:, None]
    if shape.place == "under":
        # its middle lies so high that the pigment epithelium cuts it off
        return rows >= own.under, own.under + 0.7 * shape.share * height
    if shape.place == "deep":
        top = own.under + GAP
        return rows >= top, top + height + 0.06 * shape.share
    if shape.place == "inside":
        thick = own.pigment - own.inner
        top, bottom = own.inner + floor * thick, own.pigment - np.maximum(floor * thick, GAP)
        return (rows >= top) & (rows <= bottom), top + (0.2 + 0.6 * shape.share) * (bottom - top)
    bottom = own.inner - GAP
    return rows <= bottom, bottom - height - 0.06 * shape.share


def apart(
    rng: np.random.Generator, shapes: list[Shape], taken: np.ndarray, draw: Any, pixel: float
) -> list[Spot]:
    """Return spots that keep apart from what is taken and from each other; some may find no place.

    Args:
        rng: of the B-scan, for new columns.
        shapes: what is drawn.
        taken: (H, W) bool.
        draw: makes a spot of a shape.
        pixel: side of a pixel.
    """
    found: list[Spot] = []
    for shape in shapes:
        near = ndimage.distance_transform_edt(~taken) * pixel < APART if taken.any() else taken
        for _ in range(TRIES):
            spot = draw(shape)
            if spot.mask.any() and not (spot.mask & near).any():
                found.append(spot)
                taken = taken | spot.mask
                break
            shape = replace(shape, column=float(rng.uniform(0.08, 0.92)), share=float(rng.uniform()))
    return found
