"""Images of shapes in front of each other: what SAM learns from on stand-ins, in place of photographs.

They have nothing of nuclei but that objects have borders: sizes, colours and textures are anything.
"""

import numpy as np

#: of an image
SHAPES = (5, 10)
#: words of the random state, of training images and of those that validate
SEED = 4711


def draw_shapes(count: int, side: int, part: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, side, side, 3) uint8 and shapes (N, side, side) int32, a number in each.

    Args:
        count: of images.
        side: rows and columns.
        part: 0 for training images, another number for others.
    """
    images = np.empty((count, side, side, 3), np.uint8)
    numbers = np.zeros((count, side, side), np.int32)
    along = (np.arange(side) + 0.5) / side
    for number in range(count):
        rng = np.random.default_rng([SEED, part, number])
        image = _textured(rng, side)
        for shape in range(1, int(rng.integers(SHAPES[0], SHAPES[1] + 1)) + 1):
            x, y = rng.uniform(0, 1, 2)
            long, short = rng.uniform(0.04, 0.25) * np.array([1.0, rng.uniform(0.4, 1.0)])
            turn, power = rng.uniform(0, np.pi), rng.choice([1.0, 2.0, 6.0])
            dx, dy = along[None] - x, along[:, None] - y
            u, v = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
            # diamonds, ellipses and rounded rectangles
            inside = np.abs(u / long) ** power + np.abs(v / short) ** power < 1
            image[inside] = _textured(rng, side)[inside]
            numbers[number][inside] = shape
        image += rng.normal(0, rng.uniform(2, 10), image.shape)
        images[number] = np.clip(np.rint(image), 0, 255)
    return images, numbers


def _textured(rng: np.random.Generator, side: int) -> np.ndarray:
    """Return one colour with a slope and a coarse pattern, (side, side, 3)."""
    colour, slope = rng.uniform(20, 235, 3), rng.uniform(-30, 30, 2)
    along = np.linspace(-1, 1, side)
    cells = int(rng.integers(2, 24))
    coarse = rng.normal(0, rng.uniform(0, 25), (cells, cells))
    place = np.minimum(np.arange(side) * cells // side, cells - 1)
    pattern = slope[0] * along[:, None] + slope[1] * along[None] + coarse[place[:, None], place[None]]
    return colour + pattern[..., None]
