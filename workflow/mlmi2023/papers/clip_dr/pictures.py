"""Pictures of the natural world in small: coloured shapes with captions, to pretrain on."""

from typing import NamedTuple

import numpy as np

from mlmi2023.papers.clip_dr.words import COLOURS, SHAPES, STRENGTHS

VALUES = np.array(
    [[220, 40, 40], [40, 180, 60], [50, 80, 220], [235, 215, 50], [150, 60, 180], [240, 140, 30],
     [240, 240, 240], [20, 20, 20]],
    float,
)  # fmt: skip
#: how far a shape's colour is from its ground, by strength
SHARES = (0.35, 0.65, 1.0)
SIZES = {"small": (0.14, 0.2), "large": (0.3, 0.42)}
#: by word, how many alike, and by what their radius is shortened
COUNTS = {"a": (1, 1, 1.0), "few": (2, 4, 0.5), "several": (5, 8, 0.4), "many": (10, 18, 0.3)}
NOISE = 8.0


class Picture(NamedTuple):
    """What a picture shows, by number: count, size, strength, colour, shape, and the ground's colour."""

    count: int
    size: int
    strength: int
    colour: int
    shape: int
    ground: int

    @property
    def caption(self) -> str:
        """The picture in words."""
        return (
            f"a photo of {list(COUNTS)[self.count]} {list(SIZES)[self.size]} {STRENGTHS[self.strength]} "
            f"{COLOURS[self.colour]} {SHAPES[self.shape]} on a {COLOURS[self.ground]}"
        )

    @property
    def kind(self) -> int:
        """Its class for training without texts: colour and shape."""
        return self.colour * len(SHAPES) + self.shape


#: classes of :attr:`Picture.kind`
KINDS = len(COLOURS) * len(SHAPES)


def draw_pictures(count: int, size: int, seed: int) -> tuple[np.ndarray, list[Picture]]:
    """Return pictures (count, size, size, 3) uint8 and what they show."""
    rng = np.random.default_rng([seed, size, 44])
    images = np.empty((count, size, size, 3), np.uint8)
    shown = []
    along = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(along, along)
    for image in images:
        colour = int(rng.integers(len(COLOURS)))
        ground = int((colour + rng.integers(1, len(COLOURS))) % len(COLOURS))
        picture = Picture(
            int(rng.integers(len(COUNTS))),
            int(rng.integers(len(SIZES))),
            int(rng.integers(len(STRENGTHS))),
            colour,
            int(rng.integers(len(SHAPES))),
            ground,
        )
        low, high, shorter = list(COUNTS.values())[picture.count]
        there, turn = np.zeros(x.shape, bool), 0.0
        for _ in range(int(rng.integers(low, high + 1))):
            radius = shorter * rng.uniform(*list(SIZES.values())[picture.size])
            reach = 0.4 if low == 1 else 0.85
            centre, turn = rng.uniform(-reach, reach, 2), rng.uniform(-0.4, 0.4)
            u = (np.cos(turn) * (x - centre[0]) + np.sin(turn) * (y - centre[1])) / radius
            v = (np.cos(turn) * (y - centre[1]) - np.sin(turn) * (x - centre[0])) / radius
            there |= _inside(SHAPES[picture.shape], u, v)
        share = SHARES[picture.strength] * there[..., None]
        made = (1 - share) * VALUES[ground] + share * VALUES[colour]
        slope = 1 + 0.15 * (np.cos(turn * 9) * x + np.sin(turn * 9) * y)[..., None]
        made = made * slope + rng.normal(0, NOISE, made.shape)
        image[:] = np.clip(np.rint(made), 0, 255)
        shown.append(picture)
    return images, shown


def _inside(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return where a shape of radius 1 is, (S, S) bool."""
    away = np.hypot(u, v)
    if shape == "circle":
        return away < 1
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) < 0.85
    if shape == "triangle":
        return (v < 0.7) & (v > 2 * np.abs(u) - 1.2)
    if shape == "ring":
        return (away < 1.05) & (away > 0.6)
    if shape == "cross":
        return np.minimum(np.abs(u), np.abs(v)) < (0.3 * (np.maximum(np.abs(u), np.abs(v)) < 1.1))
    return (np.abs(v) < 0.3) & (np.abs(u) < 1.25)
