"""Cancer of three kinds, and mimics that are dark on T2 alone: nodules of the transition zone and patches.

Labels are 0 without cancer, 1 indolent, 2 aggressive; where lesions overlap, 2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.prostate_mri.gland import PERIPHERAL, TRANSITION, Gland
from mlmi2023.cohorts.sources.simulators.prostate_mri.options import KINDS
from mlmi2023.cohorts.sources.simulators.prostate_mri.tissues import CONTRASTS

INDOLENT, AGGRESSIVE = 1, 2
#: mm over which a lesion goes over into what surrounds it
EDGE = 1.0


@dataclass(frozen=True)
class Lesions:
    """What is wrong in one gland.

    Attributes:
        labels: (X, Y, Z) uint8: 0, 1 indolent, 2 aggressive.
        mimics: (X, Y, Z) boolean, what looks like cancer on T2 and is none.
        factors: by contrast, (X, Y, Z) float32, on the intensity of the tissue.
        about: of each lesion, its kind, volume in ml and sextant.
    """

    labels: np.ndarray
    mimics: np.ndarray
    factors: dict[str, np.ndarray]
    about: list[dict[str, str]]


def draw_lesions(rng: np.random.Generator, gland: Gland, cancer: bool, options: dict[str, Any]) -> Lesions:
    """Return the lesions of a patient, with cancer or without; mimics both have."""
    shape = gland.zones.shape
    labels, mimics = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    factors = {contrast: np.ones(shape, np.float32) for contrast in CONTRASTS}
    looks, about = options["looks"], []
    for _ in range(_count(rng, options["mimics"]["count"])):
        for share in _mimic(rng, gland, options["mimics"]):
            _shade(rng, factors, share, looks["mimic"], looks["between"])
            mimics |= share > 0.5
    own = options["cancer"]
    shares = np.array([own["kinds"].get(kind, 0.0) for kind in KINDS])
    for _ in range(_count(rng, own["count"]) if cancer else 0):
        kind = KINDS[int(rng.choice(len(KINDS), p=shares / shares.sum()))]
        zone = PERIPHERAL if rng.uniform() < own["peripheral"] else TRANSITION
        centre, radius = _place(rng, gland, zone), float(np.exp(rng.uniform(*np.log(own["radius"]))))
        uneven, flat = rng.normal(0, 1, 6), rng.uniform(0.7, 1.0, 3)
        whole = _blob(gland, centre, radius * flat, uneven)
        core = whole
        if kind == "mixed":
            core = _blob(gland, centre, radius * flat * float(rng.uniform(*own["core"])), uneven)
        found = np.zeros(shape, np.uint8)
        if kind != "aggressive":
            _shade(rng, factors, whole, looks["indolent"], looks["between"])
            found[whole > 0.5] = INDOLENT
        if kind != "indolent":
            _shade(rng, factors, core, looks["aggressive"], looks["between"])
            found[core > 0.5] = AGGRESSIVE
        np.maximum(labels, found, out=labels)
        if (found > 0).any():
            volume = (found > 0).sum() * gland.step**3 / 1000
            about.append({"kind": kind, "ml": f"{volume:.4g}", "sextant": sextant(gland, found > 0)})
    return Lesions(labels, mimics & (labels == 0), factors, about)


def sextant(gland: Gland, mask: np.ndarray) -> str:
    """Return where the middle of a mask lies: left or right, apex, mid or base."""
    x, _, z = (part[mask].mean() for part in gland.points)
    heights = gland.points[2][gland.inside()]
    third = np.clip(int(3 * (z - heights.min()) / max(float(np.ptp(heights)), 1e-6)), 0, 2)
    return f"{'left' if x < 0 else 'right'} {('apex', 'mid', 'base')[third]}"


def _mimic(rng: np.random.Generator, gland: Gland, own: dict[str, Any]) -> list[np.ndarray]:
    """Return one nodule, or a patch on one side or both."""
    radius = float(rng.uniform(*own["radius"]))
    if rng.uniform() < own["nodules"]:
        return [_blob(gland, _place(rng, gland, TRANSITION), np.full(3, radius), np.zeros(6))]
    centre, flat = _place(rng, gland, PERIPHERAL), rng.uniform(0.4, 1.2, 3)
    uneven, both = rng.normal(0, 1, 6), rng.uniform() < own["mirrored"]
    sides = [centre, centre * np.array([-1, 1, 1])] if both else [centre]
    return [_blob(gland, side, radius * flat, uneven) for side in sides]


def _blob(gland: Gland, centre: np.ndarray, radii: np.ndarray, uneven: np.ndarray) -> np.ndarray:
    """Return the share of each sample that an uneven ellipsoid takes, in peripheral and transition zone."""
    u = (gland.points - centre.reshape(3, 1, 1, 1)) / radii.reshape(3, 1, 1, 1)
    off = np.sqrt((u * u).sum(axis=0))
    waves = sum(size * np.sin(2.2 * axis + k) for k, (size, axis) in enumerate(zip(uneven, (*u, *u[::-1]))))
    share = 0.5 + (1 + 0.08 * waves - off) * float(radii.min()) / EDGE
    room = (gland.zones == PERIPHERAL) | (gland.zones == TRANSITION)
    return (np.clip(share, 0, 1) * room).astype(np.float32)


def _shade(
    rng: np.random.Generator,
    factors: dict[str, np.ndarray],
    share: np.ndarray,
    look: list[float],
    between: float,
) -> None:
    """Lay a lesion over what is there; one shift of its strength holds for all images."""
    tone = 1 + between * float(np.clip(rng.standard_normal(), -2, 2))
    for contrast, factor in zip(factors, look):
        strength = 1 + (factor - 1) * tone
        factors[contrast] *= 1 - share
        factors[contrast] += share * np.float32(strength)


def _place(rng: np.random.Generator, gland: Gland, zone: int) -> np.ndarray:
    """Return a place in a zone, not at its very border where it is thick enough."""
    mask = gland.zones == zone
    deep = ndimage.binary_erosion(mask, iterations=max(1, round(1.5 / gland.step)))
    spots = np.flatnonzero(deep if deep.any() else mask)
    return gland.points.reshape(3, -1)[:, int(rng.choice(spots))].astype(float)


def _count(rng: np.random.Generator, pair: list[int]) -> int:
    return int(rng.integers(int(pair[0]), int(pair[1]) + 1))
