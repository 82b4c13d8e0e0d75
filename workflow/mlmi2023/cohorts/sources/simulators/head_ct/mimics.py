"""What looks like blood and is none: without it, scans without bleed would have nothing to teach."""

from typing import Any

import numpy as np

from mlmi2023.cohorts.sources.simulators.head_ct.anatomy import ATRIUM, Head, sinus_of
from mlmi2023.cohorts.sources.simulators.head_ct.fields import between, direction

KINDS = ("choroid", "falx", "sinus", "bone")


def add_mimics(
    rng: np.random.Generator, head: Head, labels: np.ndarray, chance: float, options: dict[str, Any]
) -> list[str]:
    """Put look-alikes into a head, each kind with the same chance; its attenuation is changed in place.

    Args:
        rng: draws them.
        head: of the patient.
        labels: of the bleeds, over which no look-alike lies.
        chance: of each kind.
        options: the key ``mimics``: attenuation of each kind.

    Returns:
        The kinds that it has now.
    """
    free, found = labels == 0, []
    for name in KINDS:
        if rng.random() < chance:
            mask = DRAW[name](rng, head) & free
            head.hu[mask] = between(rng, options[name])
            found.append(name)
    return found


def _choroid(rng: np.random.Generator, head: Head) -> np.ndarray:
    """Calcified choroid plexus in the atria, on one side or on both."""
    found = np.zeros(head.space.shape, bool)
    for side in rng.choice([-1, 1], int(rng.integers(1, 3)), replace=False):
        centre = np.array([side * ATRIUM[0], *ATRIUM[1:]]) + rng.normal(0, 2, 3)
        found |= head.space.egg(centre, rng.uniform(3.5, 6.5, 3)) < 1
    return found


def _falx(rng: np.random.Generator, head: Head) -> np.ndarray:
    """A calcified plate on the falx."""
    way = direction(1, rng.choice([-1, 1]) * rng.uniform(55, 88), rng.uniform(15, 60))
    centre = rng.uniform(48, 62) * way
    centre[0] = 0
    radii = [max(2.2, 0.8 * float(head.space.step[0])), rng.uniform(9, 20), rng.uniform(6, 14)]
    return (head.space.egg(centre, radii) < 1) & (head.depth > 1)


def _sinus(rng: np.random.Generator, head: Head) -> np.ndarray:
    """Thick, bright sinuses, as of a patient who has drunk too little."""
    return sinus_of(head.space, head.depth, rng.uniform(7, 10))


def _bone(rng: np.random.Generator, head: Head) -> np.ndarray:
    """Bumps of the inner table, which slices average with what lies beside them."""
    found = np.zeros(head.space.shape, bool)
    for _ in range(int(rng.integers(1, 4))):
        way = direction(rng.choice([-1, 1]), rng.uniform(-80, 80), rng.uniform(-30, 70))
        share = head.space.along(way) / rng.uniform(12, 25)
        found |= (head.depth > 0) & (head.depth < rng.uniform(2, 4.5) * (1 - share**2))
    return found


DRAW = {"choroid": _choroid, "falx": _falx, "sinus": _sinus, "bone": _bone}
