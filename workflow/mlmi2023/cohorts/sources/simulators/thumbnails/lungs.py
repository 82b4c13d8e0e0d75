"""Two lungs between ribs, heart and shoulders, with or without opacities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.thumbnails.canvas import Canvas, between, canvas, count, disc, soft

#: classes 0 and 1
SHAPES = ("clear lungs", "opacity in a lung")
#: levels of soft tissue, lungs, heart
TISSUE, AIR, HEART = 0.72, 0.25, 0.85


def _lung(at: Canvas, x: float, y: float, width: float, height: float) -> np.ndarray:
    """Return one lung, (S, S) in 0 to 1: narrow above, wide below, cut by the diaphragm."""
    narrow = 0.75 + 0.5 * np.clip((at.y - y + height) / (2 * height), 0, 1)
    inside = 1 - np.hypot((at.x - x) / (width * narrow), (at.y - y) / height)
    floor = y + 0.72 * height + 0.6 * (at.x - x) ** 2 / width
    return soft(inside * width) * soft(floor - at.y)


def paint(rng: np.random.Generator, shape: int, size: int, options: dict[str, Any]) -> np.ndarray:
    """Return a chest of a class, (S, S, 1) on the fine grid, 0 to 1; its mean does not tell the class."""
    at = canvas(size)
    x, y = 0.5 + options["shift"] * rng.uniform(-1, 1, 2)
    places = []
    for side in (-1, 1):
        width, height = between(rng, options["width"]), between(rng, options["height"])
        places.append((x + side * (0.05 + width), y, width, height))
    lungs = np.maximum(*(_lung(at, *place) for place in places))
    image = TISSUE + (AIR + between(rng, options["haze"]) - TISSUE) * lungs
    image = image * soft(0.62 - np.abs(at.x - x) * 1.15) + 0.05
    heart = disc(at, x + 0.05, y + 0.14, between(rng, (0.11, 0.15)), 1.3, 0.6)
    image = image + (HEART - image) * heart
    number, phase, level = count(rng, options["ribs"]), rng.uniform(), between(rng, options["rib"])
    waves = np.sin(2 * np.pi * (number * (at.y + 0.5 * (at.x - x) ** 2) + phase))
    image = image + level * lungs * np.clip(waves, 0, 1)
    if shape == 1:
        image = image + lungs * _opacities(rng, at, places, options)
    mean, contrast = between(rng, options["mean"]), between(rng, options["contrast"])
    return np.clip(mean + contrast * (image - image.mean()), 0, 1)[..., None]


def _opacities(
    rng: np.random.Generator, at: Canvas, places: Sequence[tuple[float, ...]], options: dict[str, Any]
) -> np.ndarray:
    """Return blurred patches in one of the lungs, (S, S)."""
    x, y, width, height = places[int(rng.integers(2))]
    found = np.zeros_like(at.x)
    for _ in range(count(rng, options["count"])):
        place = x + 0.5 * width * rng.uniform(-1, 1), y + 0.5 * height * rng.uniform(-1, 1)
        radius = between(rng, options["radius"])
        blob = disc(at, *place, radius, between(rng, (1.0, 1.6)), rng.uniform(0, np.pi))
        found = np.maximum(found, blob)
    return between(rng, options["opacity"]) * ndimage.gaussian_filter(found, 0.02 * len(found))
