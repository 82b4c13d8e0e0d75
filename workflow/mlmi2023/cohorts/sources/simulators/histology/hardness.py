"""What keeps a threshold from finding nuclei; where it is off, no random number is used."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.histology.ground import between, noise, step
from mlmi2023.cohorts.sources.simulators.histology.nuclei import Stained
from mlmi2023.cohorts.sources.simulators.histology.options import CELLS
from mlmi2023.cohorts.sources.simulators.histology.places import Nuclei

#: types whose chromatin may be loose, and the rim and coarseness that they then have
LARGE = [CELLS.index(name) + 1 for name in ("neoplastic", "epithelial")]
RIM, COARSE = (0.5, 0.9), (0.4, 0.7)


def paler(rng: np.random.Generator, nuclei: Nuclei, own: Mapping[str, Any]) -> Nuclei:
    """Return the nuclei, some large ones vesicular: pale inside, with a rim and coarse chromatin."""
    if not own["vesicular"]:
        return nuclei
    count = len(nuclei.x)
    chosen = np.isin(nuclei.kind, LARGE) & (rng.uniform(size=count) < own["vesicular"])
    veil, rim, coarse = (rng.uniform(low, high, count) for low, high in (own["veil"], RIM, COARSE))
    look = dict(nuclei.look)
    look["absorbs"] = np.where(chosen, veil, 1.0) * look["absorbs"]
    look["rim"] = np.where(chosen, rim, look["rim"])
    look["chromatin"] = np.where(chosen, coarse, look["chromatin"])
    return nuclei._replace(look=look)


def basophilia(
    rng: np.random.Generator, size: int, pixel: float, own: Mapping[str, Any]
) -> np.ndarray | float:
    """Return what patches of blue ground absorb, (S, S)."""
    if not own["basophilia"][1]:
        return 0.0
    patches = step(0.5 + 0.8 * noise(rng, size, max(5 / pixel, 0.7)))
    grain = np.clip(1 + 0.3 * noise(rng, size, max(0.8 / pixel, 0.7)), 0, None)
    return between(rng, own["basophilia"]) * patches * grain


def uneven(rng: np.random.Generator, stained: Stained, pixel: float, own: Mapping[str, Any]) -> Stained:
    """Return the tissue as a section of uneven thickness: both stains absorb more or less by places."""
    if not own["thickness"]:
        return stained
    depth = np.clip(1 + own["thickness"] * noise(rng, len(stained.eosin), max(15 / pixel, 1.0)), 0.4, 1.8)
    return stained._replace(hematoxylin=stained.hematoxylin * depth, eosin=stained.eosin * depth)
