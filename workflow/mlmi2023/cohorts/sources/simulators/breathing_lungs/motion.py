"""How a patient breathes: the map that pulls any phase back to full exhale, and its inverse at points.

A phase has a depth (0 at full exhale, 1 at full inhale) and a loop (0 at both, of opposite sign on the way in
and out). The map has three parts, applied to a place of the phase in this order: the chest shrinks to its
size at full exhale, lung tissue slides up its column with the diaphragm, and a smooth displacement that fades
at the surface of the lung is added.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.breathing_lungs.geometry import Chest

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
WAVES = 6
HEART = 0.35  # share of the diaphragm's way that the heart takes


def columns(points: np.ndarray) -> Points:
    """Return x, y and z of points (K, 3)."""
    return points[:, 0], points[:, 1], points[:, 2]


@dataclass(frozen=True)
class Waves:
    """A smooth random vector field: a sum of sine waves.

    Attributes:
        pace: (W, 3) radians per mm.
        start: (W, 3) phase of each wave in each component.
        height: (W, 3) mm.
    """

    pace: np.ndarray
    start: np.ndarray
    height: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Points:
        """Return the field at places, mm."""
        found = [np.zeros(np.shape(x)) for _ in range(3)]
        for pace, start, height in zip(self.pace, self.start, self.height):
            angle = pace[0] * x + pace[1] * y + pace[2] * z
            # sin(angle + start), with two of the slow functions for three components
            sine, cosine = np.sin(angle), np.cos(angle)
            for axis in range(3):
                found[axis] += height[axis] * (np.cos(start[axis]) * sine + np.sin(start[axis]) * cosine)
        return found[0], found[1], found[2]


@dataclass(frozen=True)
class Breath:
    """How one patient breathes.

    Attributes:
        chest: the patient at full exhale.
        way: mm that the diaphragm drops at most.
        growth: relative growth of the chest to the sides and to the front.
        uneven: how far tissue low in the lung stretches more (above 0) or less than tissue high up.
        inner: displacement at full inhale.
        loop: displacement by which the way in and the way out differ.
        rest: exponent of depth over time; above 1, exhale lasts longer.
    """

    chest: Chest
    way: float
    growth: tuple[float, float]
    uneven: float
    inner: Waves
    loop: Waves
    rest: float

    def depth(self, percent: float) -> float:
        """Return the depth of a phase, percents of a breath after full inhale."""
        return float((0.5 + 0.5 * np.cos(2 * np.pi * percent / 100)) ** self.rest)

    def turn(self, percent: float) -> float:
        """Return how far a phase lies to one side of the loop, -1 to 1."""
        return float(np.sin(2 * np.pi * percent / 100))

    def shrink(self, percent: float, x: Any, y: Any, z: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of places after the chest has shrunk to its size at full exhale."""
        # lower ribs swing further than upper ones; the spine stands still
        share = self.depth(percent) * (0.65 - 0.35 * np.tanh(z / (60.0 * self.chest.size)))
        spine = -78.0 * self.chest.size
        return x / (1 + self.growth[0] * share), spine + (y - spine) / (1 + self.growth[1] * share)

    def height(self, percent: float, side: int, u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return how high places of a phase lie in a lung: 0 at the diaphragm, 1 at the apex."""
        floor = self.chest.diaphragm(side, u, v) - self.depth(percent) * self.way * self.chest.drop(u, v)
        return (z - floor) / (self.chest.apex - floor)

    def pull(self, percent: float, side: int, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Points:
        """Map places of a phase in one lung to the same tissue at full exhale; mm."""
        chest, depth = self.chest, self.depth(percent)
        x, y = self.shrink(percent, x, y, z)
        u, v = chest.across(side, x, y, z)
        share = self.height(percent, side, u, v, z)
        share = share + self.uneven * depth * share * (1 - share)
        floor = chest.diaphragm(side, u, v)
        z = floor + share * (chest.apex - floor)
        (cx, cy), (rx, ry) = chest.middle(side), chest.radii
        width = chest.narrowing(z)
        x, y = cx + u * rx * width, cy + v * ry * width
        fade = np.clip(1 - u**2 - v**2, 0, 1) * np.clip(4 * share * (1 - share), 0, 1)
        shift = [np.zeros_like(fade)] * 3
        for amount, waves in ((depth, self.inner), (self.turn(percent), self.loop)):
            if abs(amount) > 1e-12:
                shift = [s + amount * fade * w for s, w in zip(shift, waves.at(x, y, z))]
        return x + shift[0], y + shift[1], z + shift[2]

    def inside(self, percent: float, side: int, places: Points, margin: float = 0.0) -> np.ndarray:
        """Return which places of a phase lie in a lung and not in the heart.

        Args:
            percent: the phase.
            side: 1 right, -1 left.
            places: x, y and z, mm.
            margin: share of the lung's width, height and of the heart's size to keep away from.
        """
        away, z = self.to_heart(percent, *places), places[2]
        x, y = self.shrink(percent, *places)
        u, v = self.chest.across(side, x, y, z)
        share = self.height(percent, side, u, v, z)
        wall = u**2 + v**2 < (1 - margin) ** 2
        return wall & (share > margin / 2) & (share < 1 - margin / 2) & (away > 1 + margin)

    def to_heart(self, percent: float, x: Any, y: Any, z: Any) -> np.ndarray:
        """Return the distance from the heart's middle in radii: 1 at its surface."""
        middle = self.chest.heart - np.array([0, 0, HEART * self.depth(percent) * self.way])
        parts = [((a - m) / r) ** 2 for a, m, r in zip((x, y, z), middle, self.chest.heart_radii)]
        return np.sqrt(parts[0] + parts[1] + parts[2])

    def push(self, percent: float, side: int, tissue: np.ndarray, tolerance: float = 1e-7) -> np.ndarray:
        """Find where tissue is in a phase: the inverse of :meth:`pull`.

        Args:
            percent: the phase.
            side: 1 right, -1 left.
            tissue: (K, 3) places at full exhale, mm.
            tolerance: mm, of the place at full exhale that is met.

        Returns:
            (K, 3) mm.

        Raises:
            RuntimeError: the map cannot be inverted there, since it folds.
        """
        place = np.array(tissue, float)
        for _ in range(300):
            off = np.column_stack(self.pull(percent, side, *columns(place))) - tissue
            place -= 0.8 * off
            if np.abs(off).max(initial=0) < tolerance:
                return place
        raise RuntimeError(f"breathing folds: a place is off by {np.abs(off).max():.3g} mm")


def draw_breath(rng: np.random.Generator, chest: Chest, options: dict[str, Any]) -> Breath:
    """Draw how a patient breathes; ``options`` is the part ``motion``."""
    inner = options["inner"]
    growth = rng.uniform(options["chest"][0], options["chest"][1], 2)
    return Breath(
        chest,
        float(rng.uniform(*options["diaphragm"])),
        (float(0.5 * growth[0]), float(growth[1])),
        float(rng.uniform(*options["uneven"])),
        _waves(rng, inner["inhale"], inner["length"]),
        _waves(rng, inner["loop"], inner["length"]),
        float(options["rest"]),
    )


def _waves(rng: np.random.Generator, height: float, length: float) -> Waves:
    """Draw waves that together are ``height`` mm high (root mean square length) and ``length`` mm long."""
    way = rng.standard_normal((WAVES, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    pace = way * 2 * np.pi / (length * rng.uniform(0.8, 1.6, (WAVES, 1)))
    # a sine has a mean square of 1/2; three components share the square of the length
    own = height * np.sqrt(2 / (3 * WAVES)) * rng.uniform(0.6, 1.4, (WAVES, 3))
    return Waves(pace, rng.uniform(0, 2 * np.pi, (WAVES, 3)), own)
