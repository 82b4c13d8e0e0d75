"""Lesions of diabetic retinopathy: how many of each kind a grade has, their shapes, colours and map."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.fundus.eye import Eye, Grid, between, step
from mlmi2023.cohorts.sources.simulators.fundus.options import LESIONS
from mlmi2023.cohorts.sources.simulators.fundus.vessels import Stroke, cover

COLOURS = {
    "microaneurysm": np.array([0.42, 0.06, 0.05]),
    "haemorrhage": np.array([0.34, 0.05, 0.04]),
    "exudate": np.array([1.0, 0.92, 0.5]),
    "cotton_wool": np.array([0.8, 0.7, 0.56]),
    "new_vessel": np.array([0.5, 0.07, 0.07]),
}
#: how far from the fovea lesions lie, and softness of their edge as a share of the radius
REACH, SOFT = 0.8, {"microaneurysm": 0.4, "haemorrhage": 0.3, "exudate": 0.25, "cotton_wool": 0.9}


def draw_counts(rng: np.random.Generator, grade: int, options: Mapping[str, Any]) -> dict[str, int]:
    """Return how many lesions of each kind an eye of a grade has."""
    counts = {}
    for kind in LESIONS:
        low, high = options[kind]["counts"][grade]
        counts[kind] = int(rng.integers(int(low), int(high) + 1))
    return counts


def add_lesions(
    rng: np.random.Generator,
    image: np.ndarray,
    counts: Mapping[str, int],
    eye: Eye,
    places: Grid,
    options: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the image (S, S, 3) with lesions, and their map (S, S) uint8: 0, or 1 and more by kind."""
    truth = np.zeros(places.x.shape, np.uint8)
    strength = between(rng, options["contrast"])
    # pale ones below dark ones
    for kind in ("cotton_wool", "exudate", "new_vessel", "haemorrhage", "microaneurysm"):
        for _ in range(counts[kind]):
            own = options["lesions"][kind]
            draw = _tangle if kind == "new_vessel" else _blob
            share = strength * draw(rng, kind, between(rng, own["radius"]), eye, places)
            image = image + share[..., None] * (COLOURS[kind] * (0.6 + image.mean()) - image)
            truth[share > 0.4 * strength] = LESIONS.index(kind) + 1
    return np.clip(image, 0, 1), truth


def _spot(rng: np.random.Generator, eye: Eye, near: float = 1.0) -> np.ndarray:
    """Return a place in the field that is not on the disc."""
    while True:
        angle, away = rng.uniform(0, 2 * np.pi), near * REACH * np.sqrt(rng.uniform(0.02, 1))
        place = away * np.array([np.cos(angle), np.sin(angle)])
        if np.hypot(*(place - eye.disc)) > 1.6 * max(eye.radii):
            return place


def _blob(rng: np.random.Generator, kind: str, radius: float, eye: Eye, places: Grid) -> np.ndarray:
    """Return the share of each pixel that a spot with an irregular border covers."""
    centre = _spot(rng, eye, 0.75 if kind in ("exudate", "microaneurysm") else 1.0)
    x, y = places.x - centre[0], places.y - centre[1]
    ratio = rng.uniform(1, 1.8 if kind in ("haemorrhage", "cotton_wool") else 1.2)
    turn = rng.uniform(0, np.pi)
    u, v = np.cos(turn) * x + np.sin(turn) * y, -np.sin(turn) * x + np.cos(turn) * y
    angle, border = np.arctan2(v, u), 1.0
    if kind != "microaneurysm":
        border = 1 + sum(rng.normal(0, 0.12) * np.cos(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5))
    depth = np.hypot(u / ratio, v * ratio) / (radius * np.maximum(border, 0.4))
    return step((1 - depth) / SOFT[kind] + 0.5)


def _tangle(rng: np.random.Generator, kind: str, radius: float, eye: Eye, places: Grid) -> np.ndarray:
    """Return the share of each pixel that a net of fine vessels covers, on the disc or by an arcade."""
    if rng.uniform() < 0.5:
        centre = eye.disc + rng.normal(0, 0.5, 2) * eye.radii
    else:
        centre = np.array([rng.uniform(-0.5, 0.5), rng.choice([-1, 1]) * rng.uniform(0.4, 0.6)])
    strokes = []
    for _ in range(int(rng.integers(7, 12))):
        bends = ndimage.gaussian_filter1d(rng.normal(0, 1, (40, 2)), 4, axis=0, mode="wrap")
        path = centre + np.cumsum(bends, 0) * radius / 4
        away = path - centre
        far = np.hypot(*away.T)[:, None]
        path = centre + away * np.minimum(1, radius / np.maximum(far, 1e-6))
        strokes.append(Stroke(path, np.full(len(path), rng.uniform(0.014, 0.024)), False))
    near = np.hypot(places.x - centre[0], places.y - centre[1])
    return cover(strokes, places) * (near < 1.05 * radius)
