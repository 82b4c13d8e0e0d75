"""An eye: where its disc, cup and fovea lie, and its colours without lesions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

# red, green, blue between 0 and 1, after photographs in textbooks
LIGHT_FUNDUS, DARK_FUNDUS = np.array([0.86, 0.47, 0.24]), np.array([0.55, 0.25, 0.11])
DISC, CUP = np.array([0.97, 0.78, 0.48]), np.array([1.0, 0.93, 0.74])
FOVEA_DARKENING = np.array([0.3, 0.34, 0.3])


@dataclass(frozen=True)
class Grid:
    """The places of all pixels of an image.

    Attributes:
        x: (S, S).
        y: (S, S).
        pixel: width of a pixel.
        origin: x and y of the upper left corner.
    """

    x: np.ndarray
    y: np.ndarray
    pixel: float
    origin: tuple[float, float]


@dataclass(frozen=True)
class Eye:
    """An eye's anatomy.

    Attributes:
        side: 1 if the disc lies right of the fovea (a right eye), else -1.
        disc: x and y of its centre.
        radii: half width and half height of the disc.
        tilt: of the disc, radians.
        cup: cup-to-disc ratio, of heights.
        tone: 0 light, 1 dark.
    """

    side: int
    disc: np.ndarray
    radii: tuple[float, float]
    tilt: float
    cup: float
    tone: float


def between(rng: np.random.Generator, pair: Any) -> float:
    """Draw from a range."""
    return float(rng.uniform(*pair))


def step(x: np.ndarray) -> np.ndarray:
    """Return a smooth step from 0 (x <= 0) to 1 (x >= 1)."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def grid(size: int, centre: tuple[float, float], width: float) -> Grid:
    """Return the places of an image of so many pixels a side that shows ``width`` around ``centre``."""
    pixel = width / size
    along = (np.arange(size) + 0.5) * pixel - width / 2
    x, y = np.meshgrid(along + centre[0], along + centre[1])
    return Grid(x, y, pixel, (centre[0] - width / 2, centre[1] - width / 2))


def draw_eye(rng: np.random.Generator, side: int, tone: float, cup: float, options: dict[str, Any]) -> Eye:
    """Draw an eye of a patient with this tone and about this cup-to-disc ratio."""
    own = options["disc"]
    radius, height = between(rng, own["radius"]), between(rng, own["height"])
    disc = np.array([side * rng.uniform(0.58, 0.68), rng.uniform(-0.06, 0.04)])
    ratio = float(np.clip(cup + rng.normal(0, 0.03), 0.1, 0.9))
    return Eye(side, disc, (radius, radius * height), rng.uniform(-1, 1) * own["tilt"], ratio, tone)


def disc_depth(eye: Eye, places: Grid, of: float = 1.0) -> np.ndarray:
    """Return (S, S), below 1 inside the disc, or inside the cup for ``of`` the cup-to-disc ratio."""
    # cups lie a little to the temple's side
    x = places.x - eye.disc[0] + (1 - of) * 0.12 * eye.side * eye.radii[0]
    y = places.y - eye.disc[1]
    u = np.cos(eye.tilt) * x + np.sin(eye.tilt) * y
    v = -np.sin(eye.tilt) * x + np.cos(eye.tilt) * y
    return np.hypot(u / eye.radii[0], v / eye.radii[1]) / of


def paint(rng: np.random.Generator, eye: Eye, places: Grid, texture: float) -> np.ndarray:
    """Return the fundus with fovea, disc and cup, without vessels and lesions, (S, S, 3) in [0, 1]."""
    image = np.ones((*places.x.shape, 1)) * ((1 - eye.tone) * LIGHT_FUNDUS + eye.tone * DARK_FUNDUS)
    for scale, share in ((0.18, 1.2), (0.04, 0.6)):
        noise = ndimage.gaussian_filter(rng.normal(size=places.x.shape), scale / places.pixel)
        noise /= max(float(noise.std()), 1e-9)
        image *= 1 + texture * share * noise[..., None] * np.array([0.7, 1.0, 1.0])
    away = np.hypot(places.x, places.y)
    image *= 1 - np.exp(-((away / 0.22) ** 2))[..., None] * FOVEA_DARKENING
    # nerve fibres and atrophy brighten the rim around the disc
    depth, inner = disc_depth(eye, places), disc_depth(eye, places, eye.cup)
    image += 0.1 * np.exp(-np.maximum(depth - 1, 0) * 4)[..., None] * (DISC - image)
    soft = 0.12
    image += 0.95 * step((1 - depth) / soft + 0.5)[..., None] * (DISC - image)
    return image + 0.85 * step((1 - inner) / (2 * soft) + 0.5)[..., None] * (CUP - image)
