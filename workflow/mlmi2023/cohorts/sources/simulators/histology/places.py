"""Which proposed places are taken, and what the nucleus at each looks like."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.histology.layouts import Place
from mlmi2023.cohorts.sources.simulators.histology.options import CELLS

#: what a nucleus's look is made of, beside its nucleoli
LOOKS = ("radius", "elongation", "irregularity", "absorbs", "chromatin", "rim")


class Nuclei(NamedTuple):
    """Nuclei that are drawn; arrays have one entry per nucleus.

    Attributes:
        x: of the centre, micrometres.
        y: likewise.
        kind: value of the type.
        angle: of the long axis.
        look: by :data:`LOOKS`.
        nucleoli: how many.
    """

    x: np.ndarray
    y: np.ndarray
    kind: np.ndarray
    angle: np.ndarray
    look: dict[str, np.ndarray]
    nucleoli: np.ndarray


def looks_of(cells: Mapping[str, Any], likeness: float) -> dict[str, dict[str, list[float]]]:
    """Return the ranges of every type of cell, with tumours moved towards normal epithelium.

    Args:
        cells: options of the types.
        likeness: 0 leaves them as they are, 1 makes both alike.
    """
    found = {name: {key: [*cell[key]] for key in (*LOOKS, "nucleoli")} for name, cell in cells.items()}
    own, normal = found["neoplastic"], found["epithelial"]
    for key, pair in own.items():
        own[key] = [(1 - likeness) * a + likeness * b for a, b in zip(pair, normal[key])]
    return found


def settle(
    rng: np.random.Generator,
    places: list[Place],
    looks: Mapping[str, Mapping[str, list[float]]],
    size: float,
    crowding: float,
) -> Nuclei:
    """Take the places, one after the other, that are not too close to one taken before.

    Args:
        rng: random numbers of the looks.
        places: proposed.
        looks: ranges by type (:func:`looks_of`).
        size: factor of all radii.
        crowding: the least distance, of the sum of both radii.
    """
    count = len(places)
    x, y, kind, angle = (np.array([p[n] for p in places], float) for n in range(4))
    kind = kind.astype(int)
    draw = rng.uniform(size=(count, len(LOOKS)))
    look: dict[str, np.ndarray] = {}
    for column, key in enumerate(LOOKS):
        low, high = (np.array([0, *[looks[name][key][end] for name in CELLS]])[kind] for end in (0, 1))
        look[key] = low + draw[:, column] * (high - low)
    look["radius"] = look["radius"] * size
    # long nuclei may lie side by side: what counts is the radius of the circle of the same area
    low, high = (np.array([0, *[looks[name]["nucleoli"][end] for name in CELLS]])[kind] for end in (0, 1))
    nucleoli = np.floor(low + rng.uniform(size=count) * (high - low + 1)).astype(int)
    taken = np.zeros(count, bool)
    for number in range(count):
        near = np.hypot(x[taken] - x[number], y[taken] - y[number])
        least = crowding * (look["radius"][taken] + look["radius"][number])
        taken[number] = bool((near >= least).all())
    own = {key: values[taken] for key, values in look.items()}
    return Nuclei(x[taken], y[taken], kind[taken], angle[taken], own, nucleoli[taken])
