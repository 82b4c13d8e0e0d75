"""What rises from the wall: polyps, lumps of plain mucosa that look like them, and stool."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.colonoscopy.mucosa import BLOOD, RED, Scene
from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import between, grid, step
from mlmi2023.cohorts.sources.simulators.dermoscopy.skin import smooth_noise

WAVES = np.arange(2, 6)
STOOL = np.array([0.72, 0.55, 0.22])


@dataclass(frozen=True)
class Polyp:
    """A patient's polyp, the same in all frames but for its place, turn and distance.

    Attributes:
        radius: of the circle of the same area.
        elongation: ratio of its axes.
        waves: amplitudes and phases of its border, (2, 4).
        height: of its top, in radii.
        redness: how far its colour is from the wall's.
        pits: contrast of the pattern of its surface.
    """

    radius: float
    elongation: float
    waves: np.ndarray
    height: float
    redness: float
    pits: float


def draw_polyp(rng: np.random.Generator, options: dict[str, Any], pits: float | None = None) -> Polyp:
    """Draw a polyp's traits; ``options`` are the key ``polyp`` of the simulator."""
    size = between(rng, options["irregularity"]) * rng.normal(0, 1, 4) / np.sqrt(WAVES)
    return Polyp(
        between(rng, options["radius"]),
        between(rng, options["elongation"]),
        np.stack([size, rng.uniform(0, 2 * np.pi, 4)]),
        between(rng, options["height"]),
        between(rng, options["redness"]),
        between(rng, options["pits"]) if pits is None else pits,
    )


def place_of(
    rng: np.random.Generator, radius: float, middle: tuple[float, float], reach: float, taken: list[Any]
) -> tuple[float, float] | None:
    """Return a place up to ``reach`` from the middle, clear of what is ``taken`` (x, y, radius), or None."""
    for _ in range(40):
        angle, far = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.uniform())
        x, y = middle[0] + far * np.cos(angle), middle[1] + far * np.sin(angle)
        if all(np.hypot(x - a, y - b) > 1.25 * (radius + r) for a, b, r in taken):
            return float(x), float(y)
    return None


def add_polyp(
    rng: np.random.Generator, scene: Scene, polyp: Polyp, at: tuple[float, float], zoom: float
) -> np.ndarray:
    """Raise a polyp from the wall; return its mask (S, S) bool."""
    depth = _depth(rng, len(scene.relief), polyp, at, zoom)
    size = len(scene.relief)
    _raise(scene, depth, polyp.radius * zoom * polyp.height, np.sqrt(np.clip(1 - depth**2, 0, 1)))
    inside = step((1 - depth) / 0.12 + 0.5)
    pattern = smooth_noise(rng, size, 0.007) - smooth_noise(rng, size, 0.02)
    colour = (1 - polyp.redness) * scene.colour + polyp.redness * (RED - np.array([0.05, 0.16, 0.12]))
    colour = colour - polyp.pits * np.clip(pattern, -1, 2)[..., None] * BLOOD
    scene.colour = scene.colour + inside[..., None] * (colour - scene.colour)
    return depth < 1


def add_lump(
    rng: np.random.Generator, scene: Scene, lump: Polyp, at: tuple[float, float], zoom: float
) -> None:
    """Raise a lump of plain mucosa: as high as a polyp, with a soft foot and no pattern of its own."""
    depth = _depth(rng, len(scene.relief), lump, at, zoom)
    _raise(scene, depth, lump.radius * zoom * lump.height, np.clip(1 - depth**2, 0, 1) ** 1.25)
    inside = step((1 - depth) / 0.4)
    scene.colour = scene.colour + (lump.redness * inside)[..., None] * (RED - scene.colour)


def add_stool(rng: np.random.Generator, scene: Scene, options: dict[str, Any], but: np.ndarray) -> None:
    """Lay flat yellow residue on the wall, not where ``but`` is true."""
    size = len(scene.relief)
    x, y = grid(size)
    low, high = options["count"]
    for _ in range(int(rng.integers(int(low), int(high) + 1))):
        radius, (a, b) = between(rng, options["radius"]), rng.uniform(0.1, 0.9, 2)
        away = np.hypot(x - a, (y - b) * rng.uniform(0.7, 1.4)) / radius + 0.3 * smooth_noise(rng, size, 0.02)
        cover = 0.8 * step((1 - away) / 0.3) * ~but
        scene.colour = scene.colour + cover[..., None] * (STOOL - scene.colour)
        scene.relief = scene.relief + 0.15 * radius * cover


def _depth(
    rng: np.random.Generator, size: int, lump: Polyp, at: tuple[float, float], zoom: float
) -> np.ndarray:
    """Return 0 at a lump's middle, 1 at its border, more outside; turned by chance."""
    x, y = grid(size)
    turn = rng.uniform(0, 2 * np.pi)
    u = np.cos(turn) * (x - at[0]) + np.sin(turn) * (y - at[1])
    v = -np.sin(turn) * (x - at[0]) + np.cos(turn) * (y - at[1])
    long, short = lump.radius * zoom * np.sqrt(lump.elongation), lump.radius * zoom / np.sqrt(lump.elongation)
    angle = np.arctan2(v / short, u / long)
    border = 1 + sum(a * np.cos(k * angle + p) for k, a, p in zip(WAVES, *lump.waves))
    return np.hypot(u / long, v / short) / np.maximum(border, 0.4)


def _raise(scene: Scene, depth: np.ndarray, height: float, profile: np.ndarray) -> None:
    """Lift the wall and shade its foot, where little light comes."""
    scene.relief = scene.relief * (1 - 0.7 * (depth < 1)) + height * profile
    scene.light = scene.light * (1 - 0.2 * np.exp(-(((depth - 1.08) / 0.2) ** 2)))
    scene.light = scene.light + (depth < 1) * 0.25 * (1 - scene.light) * profile
