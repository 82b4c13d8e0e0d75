"""A patient's retina: the surfaces between its layers in a B-scan, and the level of each layer."""

from dataclasses import dataclass
from typing import Any

import numpy as np

#: surfaces above the pigment epithelium, by their share of the retina's thickness from the inner surface on
SHARES = np.array([0.0, 0.12, 0.42, 0.55, 0.65, 0.88, 1.0])
#: thickness of the pigment epithelium, and of a transition between layers
PIGMENT, SOFT = 0.022, 0.008
#: half width of the fovea's pit
PIT = 0.12


@dataclass(frozen=True)
class Retina:
    """What all B-scans of a patient share; lengths are shares of the width.

    Attributes:
        depth: of the pigment epithelium's surface in the middle.
        thickness: of the retina away from the fovea.
        curve: how much deeper (above 0: higher) the surface lies at the sides than in the middle.
        tilt: how much deeper it lies at the right side than at the left.
        wave: height of its waves.
        phases: of three waves, (3,).
        fovea: its column.
        pit: share of the thickness that is missing there.
        choroid: thickness.
        wobble: of the inner surfaces' shares, (7,); none of the first and the last.
    """

    depth: float
    thickness: float
    curve: float
    tilt: float
    wave: float
    phases: np.ndarray
    fovea: float
    pit: float
    choroid: float
    wobble: np.ndarray


@dataclass(frozen=True)
class Surfaces:
    """The surfaces of one B-scan, depths (W,) of each column.

    Attributes:
        bounds: between layers from above to below, (9, W).
    """

    bounds: np.ndarray

    @property
    def inner(self) -> np.ndarray:
        """The retina's inner surface."""
        return self.bounds[0]

    @property
    def pigment(self) -> np.ndarray:
        """The upper surface of the pigment epithelium."""
        return self.bounds[6]

    @property
    def under(self) -> np.ndarray:
        """The lower surface of the pigment epithelium."""
        return self.bounds[7]


def between(rng: np.random.Generator, pair: Any) -> float:
    """Draw from a range."""
    return float(rng.uniform(*pair))


def draw_retina(rng: np.random.Generator, own: dict[str, Any]) -> Retina:
    """Draw a patient's retina by the options ``retina``."""
    return Retina(
        depth=between(rng, own["depth"]),
        thickness=between(rng, own["thickness"]),
        curve=between(rng, own["curve"]),
        tilt=between(rng, own["tilt"]),
        wave=between(rng, own["wave"]),
        phases=rng.uniform(0, 2 * np.pi, 3),
        fovea=float(rng.uniform(0.35, 0.65)),
        pit=between(rng, own["pit"]),
        choroid=between(rng, own["choroid"]),
        wobble=np.array([0, *rng.uniform(-0.02, 0.02, len(SHARES) - 2), 0]),
    )


def surfaces(rng: np.random.Generator, retina: Retina, offset: float, x: np.ndarray) -> Surfaces:
    """Return the surfaces of a B-scan.

    Args:
        rng: of the B-scan, for how the head has moved since the last one.
        retina: the patient's.
        offset: of the B-scan from the middle one, in shares of the width.
        x: columns (W,).
    """
    moved = rng.normal(0, 0.006, 2)
    along = x + moved[0] - 0.5
    number = np.arange(2, 5)[:, None]
    waves = np.cos(2 * np.pi * number * along + retina.phases[:, None] + 8 * offset * number).mean(0)
    pigment = retina.depth + moved[1] - 4 * retina.curve * along**2 + retina.tilt * along
    pigment = pigment + retina.wave * waves
    away = np.hypot(x + moved[0] - retina.fovea, offset) / PIT
    thickness = retina.thickness * (1 - retina.pit * np.exp(-(away**2)))
    shares = SHARES + retina.wobble
    above = pigment - thickness * (1 - shares[:, None])
    choroid = retina.choroid * (1 + 0.15 * np.cos(2 * np.pi * along + retina.phases[0]))
    return Surfaces(np.concatenate([above, [pigment + PIGMENT, pigment + PIGMENT + choroid]]))


def layer_levels(own: Surfaces, levels: dict[str, float], fading: float, y: np.ndarray) -> np.ndarray:
    """Return the level of scattering, (H, W) dB.

    Args:
        own: surfaces.
        levels: of the layers from above to below.
        fading: below the pigment epithelium, dB per width.
        y: rows (H,).
    """
    values = np.array(list(levels.values()))
    passed = np.clip((y[:, None] - own.bounds[:, None]) / SOFT + 0.5, 0, 1)
    level = values[0] + np.tensordot(np.diff(values), passed, 1)
    return level - fading * np.maximum(y[:, None] - own.under, 0)
