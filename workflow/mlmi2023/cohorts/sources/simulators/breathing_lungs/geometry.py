"""Shape of the lungs, the diaphragm and the heart of one patient at full exhale.

A lung is a column: an ellipse across, which narrows towards the apex, cut below by the dome of the diaphragm.
A place in it has the coordinates (across, front, height): the first two are 1 at the chest wall, the third
runs from 0 at the diaphragm to 1 at the apex.
"""

from dataclasses import dataclass

import numpy as np

SIDES = (1, -1)  # right, left: x runs to the right
LOBES = {
    1: "right upper lobe",
    2: "right middle lobe",
    3: "right lower lobe",
    4: "left upper lobe",
    5: "left lower lobe",
}


@dataclass(frozen=True)
class Chest:
    """One patient; mm.

    Attributes:
        size: scale of everything.
        apex: height of the top of the lungs.
        dome: height of the diaphragm's middle at full exhale, right and left.
        tilt: how much the fissures lean, as a slope, right and left.
        heart: middle of the heart at full exhale.
    """

    size: float
    apex: float
    dome: tuple[float, float]
    tilt: tuple[float, float]
    heart: np.ndarray

    @property
    def radii(self) -> tuple[float, float]:
        """Half widths of a lung to the side and to the front."""
        return 53.0 * self.size, 74.0 * self.size

    @property
    def heart_radii(self) -> np.ndarray:
        """Half widths of the heart."""
        return np.array([48.0, 40.0, 44.0]) * self.size

    def middle(self, side: int) -> tuple[float, float]:
        """Return the middle of a lung's ellipse."""
        return side * 68.0 * self.size, -4.0 * self.size

    def narrowing(self, z: np.ndarray) -> np.ndarray:
        """Return the width of a lung at a height as a share of its width at the base."""
        shoulder = 0.1 * self.apex
        way = np.clip((z - shoulder) / (self.apex - shoulder), 0, 1)
        return np.sqrt(1 - 0.93 * way**2)

    def across(self, side: int, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the two coordinates across a lung of places in mm."""
        (cx, cy), (rx, ry) = self.middle(side), self.radii
        width = self.narrowing(z)
        return (x - cx) / (rx * width), (y - cy) / (ry * width)

    def diaphragm(self, side: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the height of the diaphragm at full exhale: a dome, lower at the back."""
        round_ = np.minimum(u**2 + v**2, 1.2)
        return self.dome[SIDES.index(side)] - 34.0 * self.size * round_ + 8.0 * self.size * np.clip(v, -1, 1)

    def drop(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the share of the diaphragm's way that a place on it takes: most at the back."""
        round_ = np.minimum(u**2 + v**2, 1.2)
        return (0.8 - 0.2 * np.clip(v, -1, 1)) * (1 - 0.2 * round_)

    def lobe(self, side: int, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the label of the lobe that places in a lung at full exhale belong to, uint8."""
        oblique, flat = self.fissures(side, y, z)
        if side < 0:
            return np.where(oblique > 0, 4, 5).astype(np.uint8)
        return np.where(oblique <= 0, 3, np.where(flat > 0, 1, 2)).astype(np.uint8)

    def fissures(self, side: int, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the signed distances from the oblique fissure (above: positive) and the horizontal one."""
        slope = self.tilt[SIDES.index(side)]
        oblique = (z - 0.05 * self.apex + slope * (y + 10.0 * self.size)) / np.hypot(1, slope)
        return oblique, z - 0.18 * self.apex


def draw_chest(rng: np.random.Generator, spread: float) -> Chest:
    """Draw a patient; ``spread`` is the standard deviation of the log of lengths."""
    size = float(np.exp(spread * rng.standard_normal()))
    left = float(rng.normal(-8.0, 3.0))
    middle = np.array([-18.0, 24.0, -40.0]) * size + rng.normal(0, 2.0, 3)
    dome = float(rng.normal(-52.0, 5.0)) * size
    slopes = rng.normal(1.0, 0.12, 2)
    return Chest(size, 112.0 * size, (dome, dome + left), (float(slopes[0]), float(slopes[1])), middle)
