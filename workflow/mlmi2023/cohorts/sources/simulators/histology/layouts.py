"""The nine tissues: what their ground absorbs, where keratin is, and where which cells lie.

In hematoxylin and eosin tumour and normal epithelium may look alike (``likeness``); how much keratin they
hold tells them apart.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.histology.ground import (
    Glands,
    between,
    fat,
    fibres,
    grid,
    noise,
    scatter,
    step,
)
from mlmi2023.cohorts.sources.simulators.histology.options import CELLS

TYPES = {name: number for number, name in enumerate(CELLS, 1)}
#: micrometres beyond the border where nuclei still reach into the image
MARGIN = 12.0


class Place(NamedTuple):
    """Where a nucleus is proposed: x and y in micrometres, its type, the angle of its long axis."""

    x: float
    y: float
    kind: int
    angle: float


class Layout(NamedTuple):
    """A tissue before its nuclei are drawn.

    Attributes:
        hematoxylin: (S, S), absorption of the ground.
        eosin: (S, S), likewise.
        keratin: (S, S) in [0, 1], cytoplasm of epithelium.
        tumour: (S, S) bool, whether that is a tumour's.
        places: of nuclei, in the order in which they are tried.
        mimics: factor of how much there is that mimics nuclei.
    """

    hematoxylin: np.ndarray
    eosin: np.ndarray
    keratin: np.ndarray
    tumour: np.ndarray
    places: list[Place]
    mimics: float


class View(NamedTuple):
    """What a tissue is drawn with; ``pixel`` in micrometres, ``density`` a factor."""

    rng: np.random.Generator
    size: int
    pixel: float
    density: float
    likeness: float


def lay_out(tissue: str, view: View) -> Layout:
    """Draw a tissue without its nuclei.

    Args:
        tissue: one of :data:`~.options.TISSUES`.
        view: what it is drawn with.
    """
    return DRAWN[tissue](view)


def _layout(
    view: View,
    hematoxylin: Any,
    eosin: Any,
    places: list[Place],
    mimics: float = 1.0,
    keratin: Any = 0.0,
    tumour: bool = False,
) -> Layout:
    shape = (view.size, view.size)
    blue, pink, bright = (
        np.broadcast_to(np.asarray(f, float), shape).copy() for f in (hematoxylin, eosin, keratin)
    )
    order = view.rng.permutation(len(places))
    return Layout(blue, pink, bright, np.full(shape, tumour), [places[n] for n in order], mimics)


def _anywhere(view: View, kinds: dict[str, float], angle: np.ndarray | None = None) -> list[Place]:
    """Return places of some types, of a density each; with ``angle`` (S, S), long axes lie along it."""
    found = []
    for name, density in kinds.items():
        at = scatter(view.rng, view.size, view.pixel, density * view.density, MARGIN)
        turns = view.rng.uniform(0, np.pi, len(at))
        if angle is not None:
            column, row = np.clip((at / view.pixel).astype(int), 0, view.size - 1).T
            turns = angle[row, column] + view.rng.normal(0, 0.15, len(at))
        found += [Place(x, y, TYPES[name], turn) for (x, y), turn in zip(at, turns)]
    return found


def _adipose(view: View) -> Layout:
    membrane, at, angle = fat(view.rng, view.size, view.pixel, between(view.rng, [20, 32]))
    # a nucleus on a membrane here and there
    few = view.rng.uniform(size=len(at)) < 0.04 * view.density
    places = [Place(x, y, TYPES["connective"], turn) for (x, y), turn in zip(at[few], angle[few])]
    return _layout(view, 0.03 + 0.05 * membrane, 0.02 + 0.35 * membrane, places, mimics=0.2)


def _background(view: View) -> Layout:
    haze = 0.01 + 0.006 * noise(view.rng, view.size, 0.2 * view.size)
    return _layout(view, haze, haze, [], mimics=0.15)


def _debris(view: View) -> Layout:
    grain = noise(view.rng, view.size, max(1.2 / view.pixel, 0.7))
    cloud = noise(view.rng, view.size, 8 / view.pixel)
    places = _anywhere(view, {"dead": between(view.rng, [0, 5]), "inflammatory": 0.3})
    pink = np.clip(0.35 + 0.1 * cloud + 0.08 * grain, 0.05, None)
    return _layout(view, np.clip(0.12 + 0.05 * grain, 0, None), pink, places, mimics=5.0)


def _lymphocytes(view: View) -> Layout:
    cloud = noise(view.rng, view.size, 6 / view.pixel)
    places = _anywhere(view, {"inflammatory": between(view.rng, [11, 17]), "connective": 0.4})
    return _layout(view, np.clip(0.15 + 0.04 * cloud, 0, None), 0.15, places, mimics=0.7)


def _mucus(view: View) -> Layout:
    streak, _ = fibres(view.rng, view.size, view.pixel, between(view.rng, [12, 20]), 8)
    cloud = noise(view.rng, view.size, 10 / view.pixel)
    few = between(view.rng, [0.1, 0.9])
    places = _anywhere(view, {"inflammatory": few, "epithelial": 0.5 * few})
    blue = np.clip(0.13 + 0.1 * streak + 0.03 * cloud, 0.02, None)
    return _layout(view, blue, 0.06 + 0.04 * streak, places, mimics=0.8)


def _muscle(view: View) -> Layout:
    strand, along = fibres(view.rng, view.size, view.pixel, between(view.rng, [5, 8]), 3)
    places = _anywhere(view, {"connective": between(view.rng, [1.6, 3.2])}, along)
    return _layout(view, 0.06 + 0.03 * strand, 0.35 + 0.2 * strand, places, mimics=0.5)


def _stroma(view: View) -> Layout:
    strand, along = fibres(view.rng, view.size, view.pixel, between(view.rng, [6, 11]), 9)
    gaps = step(0.5 + 0.6 * noise(view.rng, view.size, 5 / view.pixel))
    places = _anywhere(view, {"connective": between(view.rng, [1.6, 3.0])}, along)
    places += _anywhere(view, {"inflammatory": between(view.rng, [0.1, 1.2])})
    return _layout(view, 0.05 + 0.03 * strand, (0.12 + 0.3 * strand) * (0.4 + 0.6 * gaps), places)


def _normal(view: View) -> Layout:
    return _glandular(view, "epithelial", tumour=False)


def _tumour(view: View) -> Layout:
    # what looks like the normal tissue does so as a whole: glands in the place of solid nests
    if view.rng.uniform() < view.likeness:
        return _glandular(view, "neoplastic", tumour=True)
    rng = view.rng
    nest = step(0.5 + 1.5 * (noise(rng, view.size, 22 / view.pixel) + 0.9))
    strand, along = fibres(rng, view.size, view.pixel, 8, 8)
    grain = noise(rng, view.size, max(1.5 / view.pixel, 0.7))
    cells = _anywhere(view, {"neoplastic": between(rng, [6.5, 9.5])})
    between_nests = _anywhere(view, {"connective": 2.0}, along) + _anywhere(view, {"inflammatory": 1.0})
    places = [p for p in cells if _at(nest, p, view.pixel) > 0.5]
    places += [p for p in between_nests if _at(nest, p, view.pixel) <= 0.5]
    return _layout(
        view,
        0.06 + nest * (0.12 + 0.02 * grain),
        (1 - nest) * (0.12 + 0.3 * strand) + nest * (0.22 + 0.03 * grain),
        places,
        keratin=nest,
        tumour=True,
    )


def _glandular(view: View, cell: str, tumour: bool) -> Layout:
    """Draw glands: a rim of cells around a lumen, and loose tissue with inflammatory cells between them."""
    rng, pixel = view.rng, view.pixel
    radius, hollow = between(rng, [20, 27]), between(rng, [0.25, 0.4])
    glands = Glands(rng, view.size, pixel, radius, between(rng, [6, 16]), 0.08)
    edge = 1.5 / radius
    inside = step((1 - glands.depth) / edge + 0.5)
    lumen = step((hollow - glands.depth) / edge + 0.5)
    epithelium = inside - lumen
    goblet = (
        step(1.4 * noise(rng, view.size, 2.6 / pixel) - 0.9) * step((0.72 - glands.depth) / 0.1) * epithelium
    )
    strand, along = fibres(rng, view.size, pixel, 8, 8)
    grain = noise(rng, view.size, max(1.5 / pixel, 0.7))
    at, angle = glands.ring(rng, 0.8, between(rng, [6.2, 7.2]) / view.density, 0.035)
    places = [Place(x, y, TYPES[cell], turn) for (x, y), turn in zip(at, angle)]
    loose = _anywhere(view, {"inflammatory": between(rng, [1.0, 4.0])})
    loose += _anywhere(view, {"connective": 1.2}, along)
    places += [p for p in loose if _at(inside, p, pixel) < 0.2]
    stroma = 1 - inside
    return _layout(
        view,
        0.04 + 0.03 * stroma + epithelium * (0.12 + 0.02 * grain) - 0.06 * goblet,
        stroma * (0.1 + 0.25 * strand) + epithelium * (0.22 + 0.03 * grain) - 0.14 * goblet + 0.02 * lumen,
        places,
        keratin=epithelium * (1 - 0.8 * goblet),
        tumour=tumour,
    )


def _at(field: np.ndarray, place: Place, pixel: float) -> float:
    """Return the value of a field (S, S) at a place; beyond the border, that of the border."""
    row, column = (min(max(int(v / pixel), 0), len(field) - 1) for v in (place.y, place.x))
    return float(field[row, column])


DRAWN: dict[str, Callable[[View], Layout]] = {
    "adipose": _adipose,
    "background": _background,
    "debris": _debris,
    "lymphocytes": _lymphocytes,
    "mucus": _mucus,
    "muscle": _muscle,
    "normal": _normal,
    "stroma": _stroma,
    "tumour": _tumour,
}


def joined(layouts: list[Layout], weights: list[np.ndarray], pixel: float) -> Layout:
    """Return one layout of several that meet.

    Args:
        layouts: of the tissues.
        weights: (S, S) of each, how much of it is where; they sum to 1.
        pixel: micrometres.
    """
    share = np.stack(weights)
    largest = share.argmax(axis=0)
    blue, pink, bright = (
        np.asarray(sum(w * getattr(layout, name) for w, layout in zip(weights, layouts)))
        for name in ("hematoxylin", "eosin", "keratin")
    )
    tumour = np.choose(largest, [layout.tumour for layout in layouts])
    places = [
        place
        for number, layout in enumerate(layouts)
        for place in layout.places
        if _at(largest == number, place, pixel)
    ]
    mimics = sum(float(w.mean()) * layout.mimics for w, layout in zip(weights, layouts))
    return Layout(blue, pink, bright, tumour, places, mimics)


def parted(rng: np.random.Generator, view: View, shares: list[float]) -> list[np.ndarray]:
    """Return weights (S, S) of tissues that meet, with soft borders; each covers about its share.

    Args:
        rng: random numbers.
        view: size and pixel.
        shares: of each tissue; they sum to 1.
    """
    if len(shares) == 1:
        return [np.ones((view.size, view.size))]
    x, y = grid(view.size, view.pixel)
    turn, side = rng.uniform(0, 2 * np.pi), view.size * view.pixel
    # bands across the image with a wavy border
    level = (np.cos(turn) * x + np.sin(turn) * y) / side + 0.12 * noise(rng, view.size, 0.12 * view.size)
    ends = np.quantile(level, np.cumsum(shares)[:-1].clip(0, 1))
    below = [
        np.zeros_like(level),
        *[step((level - end) * side / 3 + 0.5) for end in ends],
        np.ones_like(level),
    ]
    above = [1 - b for b in below[1:-1]]
    found, left = [], np.ones_like(level)
    for weight in above:
        own = np.minimum(weight, left)
        found.append(own)
        left = left - own
    return [*found, left]
