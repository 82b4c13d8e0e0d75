"""Images of shapes in front of each other, from which SAM's stand-in learns what a click means.

They have nothing of organs but that objects have borders: sizes, shades and textures are anything.
"""

import numpy as np

#: shapes of an image, and the first word of its random state
SHAPES, SEED = (3, 6), 2600


def draw_shapes(count: int, side: int, part: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, side, side) float16 in [0, 1] and shapes (N, side, side) uint8, a number in each.

    Args:
        count: of images.
        side: rows and columns.
        part: images of another part are others.
    """
    images = np.empty((count, side, side), np.float16)
    numbers = np.zeros((count, side, side), np.uint8)
    along = (np.arange(side) + 0.5) / side
    for number in range(count):
        rng = np.random.default_rng([SEED, part, number])
        image = _shade(rng, side)
        for shape in range(1, int(rng.integers(SHAPES[0], SHAPES[1] + 1)) + 1):
            dy, dx = along[:, None] - rng.uniform(0.1, 0.9), along[None] - rng.uniform(0.1, 0.9)
            long = rng.uniform(0.06, 0.3)
            short = long * rng.uniform(0.35, 1)
            turn, lobes, phase = rng.uniform(0, np.pi), rng.integers(2, 5), rng.uniform(0, 2 * np.pi)
            u, v = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
            # ellipses whose border swings in and out
            wave = 1 + rng.uniform(0, 0.25) * np.cos(lobes * np.arctan2(v, u) + phase)
            inside = (u / long) ** 2 + (v / short) ** 2 < wave**2
            image[inside] = _shade(rng, side)[inside]
            numbers[number][inside] = shape
        images[number] = np.clip(image + rng.normal(0, rng.uniform(0.01, 0.05), image.shape), 0, 1)
    return images, numbers


def _shade(rng: np.random.Generator, side: int) -> np.ndarray:
    """Return one shade with a slope, (side, side)."""
    along, slope = np.linspace(-1, 1, side), rng.uniform(-0.1, 0.1, 2)
    return rng.uniform(0.1, 0.9) + slope[0] * along[:, None] + slope[1] * along[None]
