"""A single white blood cell among red ones, of one of eight shapes."""

from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.thumbnails.canvas import Canvas, between, canvas, count, disc, wavy

#: classes 0, 1, ...
SHAPES = (
    "one round nucleus that fills a small cell",
    "bean-shaped nucleus in a large cell",
    "nucleus of two lobes",
    "nucleus of three lobes",
    "ring-shaped nucleus",
    "granules over cell and nucleus",
    "small fragment without nucleus",
    "small nucleus beside the middle",
)
#: red, green and blue that nucleus, cytoplasm, granules and red blood cells absorb
NUCLEUS, CYTOPLASM, GRANULES, RED = (0.8, 1.0, 0.35), (0.25, 0.3, 0.1), (0.7, 0.9, 0.3), (0.1, 0.45, 0.4)


class Cell(NamedTuple):
    """What covers each place of the grid, (S, S) in 0 to 1: cytoplasm, nucleus, granules."""

    cytoplasm: np.ndarray
    nucleus: np.ndarray
    granules: np.ndarray


def draw_cell(rng: np.random.Generator, at: Canvas, shape: int, options: dict[str, Any]) -> Cell:
    """Draw the cell of a class.

    Args:
        rng: its random numbers.
        at: the grid.
        shape: number of its class.
        options: of the scene.
    """
    x, y = 0.5 + options["shift"] * rng.uniform(-1, 1, 2)
    radius, rough, turn = (
        between(rng, options["radius"]),
        between(rng, options["rough"]),
        rng.uniform(0, 6.28),
    )
    nothing = np.zeros_like(at.x)
    # one that is beside the middle lies at the cell's own turn
    right, down = np.cos(turn), np.sin(turn)
    size = radius * (0.72, 1.2, 1.0, 1.0, 1.05, 1.0, 0.45, 0.95)[shape]
    cytoplasm = wavy(rng, at, x, y, size, rough if shape != 6 else 3 * rough)
    granules = nothing
    if shape == 0:
        nucleus = wavy(rng, at, x, y, 0.82 * size, rough)
    elif shape == 1:
        bite = disc(at, x + 0.62 * size * right, y + 0.62 * size * down, 0.36 * size)
        nucleus = disc(at, x, y, 0.62 * size, 1.35, turn + np.pi / 2) * (1 - bite)
    elif shape in (2, 3):
        nucleus = _lobes(rng, at, (x, y), size, turn, shape)
    elif shape == 4:
        nucleus = disc(at, x, y, 0.68 * size) * (1 - disc(at, x, y, 0.34 * size))
    elif shape == 5:
        nucleus = wavy(rng, at, x, y, 0.6 * size, 2 * rough)
        granules = _granules(rng, at, (x, y), size)
    elif shape == 6:
        nucleus = nothing
    else:
        nucleus = disc(at, x + 0.34 * size * right, y + 0.34 * size * down, 0.46 * size)
    return Cell(cytoplasm, nucleus * cytoplasm, granules * cytoplasm)


def _lobes(
    rng: np.random.Generator, at: Canvas, middle: tuple[float, float], size: float, turn: float, number: int
) -> np.ndarray:
    """Return lobes on a circle about the middle, joined by nothing but closeness."""
    found = np.zeros_like(at.x)
    away, radius = (0.46 * size, 0.4 * size) if number == 2 else (0.5 * size, 0.3 * size)
    for angle in turn + 2 * np.pi * np.arange(number) / number:
        angle += rng.normal(0, 0.12)
        lobe = disc(at, middle[0] + away * np.cos(angle), middle[1] + away * np.sin(angle), radius)
        found = np.maximum(found, lobe)
    return found


def _granules(rng: np.random.Generator, at: Canvas, middle: tuple[float, float], size: float) -> np.ndarray:
    found = np.zeros_like(at.x)
    for _ in range(14):
        away, angle = size * np.sqrt(rng.uniform(0, 0.8)), rng.uniform(0, 2 * np.pi)
        grain = disc(at, middle[0] + away * np.cos(angle), middle[1] + away * np.sin(angle), 0.13 * size)
        found = np.maximum(found, grain)
    return found


def paint(rng: np.random.Generator, shape: int, size: int, options: dict[str, Any]) -> np.ndarray:
    """Return a cell of a class and what lies about it, (S, S, 3) on the fine grid, 0 to 1."""
    at = canvas(size)
    cell = draw_cell(rng, at, shape, options)
    red = np.zeros_like(at.x)
    for _ in range(count(rng, options["neighbours"])):
        # around the edge of the image, so that the cell stays whole
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.62)
        place = 0.5 + away * np.cos(angle), 0.5 + away * np.sin(angle)
        red = np.maximum(red, disc(at, *place, 0.16) - 0.5 * disc(at, *place, 0.06))
    stain = between(rng, options["stain"])
    turn = options["turn"] * rng.uniform(-1, 1)
    absorbed = (
        stain * cell.nucleus[..., None] * _turned(NUCLEUS, turn)
        + 0.6 * stain * cell.cytoplasm[..., None] * _turned(CYTOPLASM, turn)
        + between(rng, options["granule"]) * cell.granules[..., None] * _turned(GRANULES, turn)
        + 0.5 * (red * (1 - cell.cytoplasm))[..., None] * _turned(RED, turn)
    )
    ground = between(rng, options["light"]) + options["tint"] * rng.uniform(-1, 1, 3)
    return ground * np.exp(-1.6 * absorbed)


def _turned(colour: tuple[float, ...], turn: float) -> np.ndarray:
    """Return a colour whose hue is turned about the line of greys, by a share of the circle."""
    own, angle = np.array(colour), 2 * np.pi * turn
    across = np.array([own[2] - own[1], own[0] - own[2], own[1] - own[0]]) / np.sqrt(3)
    mean = own.mean()
    return np.clip(mean + (own - mean) * np.cos(angle) + across * np.sin(angle), 0, None)
