"""The vessel tree: arcades above and below the fovea, vessels towards the nose, and their branches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from mlmi2023.cohorts.sources.simulators.fundus.eye import Eye, Grid, between

ARTERY, VEIN = np.array([0.62, 0.19, 0.11]), np.array([0.43, 0.1, 0.09])
#: drawn so much finer, then averaged
FINER = 2


class Stroke(NamedTuple):
    """A vessel: its places (n, 2), its width at each, and whether it is a vein."""

    path: np.ndarray
    width: np.ndarray
    vein: bool


def draw_tree(rng: np.random.Generator, eye: Eye, options: dict[str, Any]) -> list[Stroke]:
    """Return all vessels of an eye; the main ones start inside the disc, so they cross its edge."""
    strokes: list[Stroke] = []
    for vertical in (-1, 1):
        for vein in (False, True):
            own = options["width"]
            width = between(rng, own) * (1.2 if vein else 0.9)
            for path in (_arcade(rng, eye, vertical, vein), _nasal(rng, eye, vertical, vein)):
                # thin where it comes out of the disc
                thickness = np.linspace(width, 0.45 * width, len(path))
                thickness *= np.minimum(1, np.linspace(0.5, 6, len(path)))
                strokes.append(Stroke(path, thickness, vein))
                strokes += _branches(rng, strokes[-1], options, int(options["depth"]))
    return strokes


def _arcade(rng: np.random.Generator, eye: Eye, vertical: int, vein: bool) -> np.ndarray:
    """Return half an ellipse around the fovea, from the disc on."""
    long, high = abs(float(eye.disc[0])), rng.uniform(0.45, 0.62) + 0.05 * vein
    angle = np.linspace(0, np.deg2rad(rng.uniform(135, 165)), 60)
    wave = 0.03 * np.sin(angle * rng.uniform(4, 8) + rng.uniform(0, 6))
    # flatter near the disc, where vessels leave it upwards
    lift = np.sin(angle) ** 0.75
    x = eye.side * long * np.cos(angle) * (1 + 0.15 * np.sin(angle))
    y = vertical * (high + wave) * lift + eye.disc[1] * np.cos(angle) ** 2
    start = rng.normal(0, 0.25, 2) * eye.radii
    return np.stack([x, y], 1) + start * np.linspace(1, 0, 60)[:, None] ** 2


def _nasal(rng: np.random.Generator, eye: Eye, vertical: int, vein: bool) -> np.ndarray:
    start = eye.disc + rng.normal(0, 0.2, 2) * eye.radii
    heading = np.arctan2(vertical * rng.uniform(0.6, 1.4), eye.side * rng.uniform(0.5, 1.0))
    return _wander(rng, start, heading, rng.uniform(0.5, 0.8))


def _wander(rng: np.random.Generator, start: np.ndarray, heading: float, length: float) -> np.ndarray:
    """Return a smooth random path; it keeps away from the fovea."""
    step, place, bend = 0.02, np.array(start, float), rng.normal(0, 0.6)
    path = [place]
    for _ in range(int(length / step)):
        bend = 0.9 * bend + rng.normal(0, 0.5)
        heading += bend * step * 2
        place = place + step * np.array([np.cos(heading), np.sin(heading)])
        if np.hypot(*place) < 0.14 or np.hypot(*place) > 1.4:
            break
        path.append(place)
    return np.array(path)


def _branches(rng: np.random.Generator, parent: Stroke, options: dict[str, Any], depth: int) -> list[Stroke]:
    found: list[Stroke] = []
    if depth == 0 or len(parent.path) < 12:
        return found
    low, high = options["branches"]
    for place in rng.integers(8, len(parent.path) - 2, int(rng.integers(low, high + 1))):
        ahead = parent.path[place + 1] - parent.path[place - 1]
        turn = rng.choice([-1, 1]) * np.deg2rad(rng.uniform(25, 65))
        path = _wander(
            rng,
            parent.path[place],
            float(np.arctan2(ahead[1], ahead[0]) + turn),
            rng.uniform(0.2, 0.55) * (0.6 if depth == 1 else 1),
        )
        width = parent.width[place] * rng.uniform(0.5, 0.75)
        own = Stroke(path, np.linspace(width, 0.4 * width, len(path)), parent.vein)
        found += [own, *_branches(rng, own, options, depth - 1)]
    return found


def cover(strokes: Sequence[Stroke], places: Grid) -> np.ndarray:
    """Return the share of each pixel that vessels cover, (S, S)."""
    size = places.x.shape[0]
    canvas = Image.new("L", (FINER * size, FINER * size))
    draw, scale = ImageDraw.Draw(canvas), FINER / places.pixel
    for stroke in strokes:
        points = (stroke.path - np.array(places.origin)) * scale
        for start, end, width in zip(points, points[1:], stroke.width[1:] * scale):
            draw.line([*start, *end], fill=255, width=max(1, round(width)))
            if width > 3:
                half = width / 2
                for place in (start, end):
                    draw.ellipse([*(place - half), *(place + half)], fill=255)
    fine = np.asarray(canvas, float) / 255
    return fine.reshape(size, FINER, size, FINER).mean(axis=(1, 3))


def add_vessels(image: np.ndarray, strokes: Sequence[Stroke], places: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the image (S, S, 3) with vessels, arteries over veins, and the share that they cover (S, S)."""
    whole = np.zeros(places.x.shape)
    for vein, colour in ((True, VEIN), (False, ARTERY)):
        own = cover([s for s in strokes if s.vein == vein], places)
        image = image + 0.8 * own[..., None] * (colour * image.mean() / 0.4 - image)
        whole = np.maximum(whole, own)
    return image, whole
