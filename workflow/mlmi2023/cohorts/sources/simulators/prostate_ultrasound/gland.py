"""The shape of a gland: an ellipse, hollow towards the probe, with waves on its border."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

#: waves around the border, fewest and most
WAVES = np.arange(2, 8)
#: depth of the hollow falls off over this part of the circle, radians
HOLLOW = 0.6
POINTS = 240


@dataclass(frozen=True)
class Gland:
    """A gland in one frame.

    Attributes:
        x: of its middle, mm to the right.
        z: the same, mm from the probe.
        width: of the ellipse, mm; so ``height``.
        hollow: share of the height.
        sizes: of the waves, shares of the radius.
        phases: of the waves, radians.
        base: where the frame lies, 0 at the apex to 1 at the base.
    """

    x: float
    z: float
    width: float
    height: float
    hollow: float
    sizes: np.ndarray
    phases: np.ndarray
    base: float = 0.5

    def outline(self, scale: float = 1.0, lift: float = 0.0) -> np.ndarray:
        """Return points of the border, (240, 2) x and z, mm.

        Args:
            scale: of the inner zone's border against the gland's.
            lift: of its middle away from the probe, share of the height.
        """
        angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
        waves = (self.sizes[:, None] * np.cos(WAVES[:, None] * angle + self.phases[:, None])).sum(0)
        # the angle that points at the probe is 3/2 pi
        away = np.abs((angle - 1.5 * np.pi + np.pi) % (2 * np.pi) - np.pi)
        radius = (1 + waves) * (1 - self.hollow * np.exp(-0.5 * (away / HOLLOW) ** 2)) * scale
        x = self.x + radius * self.width / 2 * np.cos(angle)
        z = self.z + lift * self.height + radius * self.height / 2 * np.sin(angle)
        return np.stack([x, z], axis=1)


def draw_gland(rng: np.random.Generator, options: dict[str, Any]) -> Gland:
    """Return a patient's gland where it is largest."""
    width, height, wall, shift, hollow, detail = (
        float(rng.uniform(*options[key])) for key in ("width", "height", "wall", "shift", "hollow", "detail")
    )
    sizes = detail * rng.normal(0, 1, len(WAVES)) / np.sqrt(WAVES / WAVES[0])
    return Gland(
        shift, wall + height / 2, width, height, hollow, sizes, rng.uniform(0, 2 * np.pi, len(WAVES))
    )


def frame_of(rng: np.random.Generator, gland: Gland, number: int, options: dict[str, Any]) -> Gland:
    """Return the gland in a frame: smaller towards apex and base, and a little moved by the operator's hand.

    Args:
        rng: of the frame.
        gland: of the patient.
        number: of the frame, from 0.
        options: of the simulator.
    """
    base = (number + 0.5) / int(options["frames"])
    smallest = float(rng.uniform(*options["smallest"]))
    scale = smallest + (1 - smallest) * np.sin(np.pi * base)
    height = gland.height * scale
    wall = gland.z - gland.height / 2
    return replace(
        gland,
        x=gland.x + float(rng.normal(0, 1.0)),
        z=wall + height / 2 + float(rng.uniform(0, 2.0)),
        width=gland.width * scale,
        height=height,
        base=base,
    )
