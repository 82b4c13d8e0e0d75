"""The foveal avascular zone: an irregular outline around (0, 0)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

#: waves of the outline; more of them are finer notches
WAVES = np.arange(2, 9)


@dataclass(frozen=True)
class Zone:
    """An outline r(angle) = radius (1 + sum of waves).

    Attributes:
        centre: x and y.
        radius: mean distance of the outline.
        height: of waves.
        phase: of waves, radians.
    """

    centre: np.ndarray
    radius: float
    height: np.ndarray
    phase: np.ndarray

    def edge(self, angle: np.ndarray) -> np.ndarray:
        """Return how far the outline lies at some angles."""
        waves = self.height * np.cos(angle[..., None] * WAVES + self.phase)
        edge: np.ndarray = self.radius * (1 + waves.sum(-1))
        return edge

    def depth(self, places: np.ndarray) -> np.ndarray:
        """Return how far places (..., 2) lie from the centre, 1 at the outline and below 1 inside."""
        x, y = np.moveaxis(places - self.centre, -1, 0)
        depth: np.ndarray = np.hypot(x, y) / self.edge(np.arctan2(y, x))
        return depth


def draw_zone(rng: np.random.Generator, own: dict[str, Any]) -> Zone:
    """Draw the zone of an eye of a site."""
    irregular = rng.uniform(*own["irregular"])
    height = irregular * rng.normal(size=len(WAVES)) / np.sqrt(WAVES)
    return Zone(
        rng.normal(0, own["shift"], 2).clip(-0.25, 0.25),
        float(rng.uniform(*own["radius"])),
        np.clip(height, -0.2, 0.2),
        rng.uniform(0, 2 * np.pi, len(WAVES)),
    )
