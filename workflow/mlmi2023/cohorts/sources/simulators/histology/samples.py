"""One sample: a tile of an organ in which tissues meet, or a patch of one tissue."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.histology.ground import between
from mlmi2023.cohorts.sources.simulators.histology.hardness import basophilia, paler, uneven
from mlmi2023.cohorts.sources.simulators.histology.layouts import Layout, View, joined, lay_out, parted
from mlmi2023.cohorts.sources.simulators.histology.nuclei import paint
from mlmi2023.cohorts.sources.simulators.histology.optics import fluorescence, photograph
from mlmi2023.cohorts.sources.simulators.histology.options import CELLS, TISSUES
from mlmi2023.cohorts.sources.simulators.histology.places import looks_of, settle

#: tissues that meet in a tile of an organ, at most
MEET = 3


class Sample(NamedTuple):
    """A sample and its truth.

    Attributes:
        image: (S, S, 3) uint8, hematoxylin and eosin.
        nuclei: (S, S) uint16, which nucleus a pixel is of; 0: none.
        cells: (S, S) uint8, values of :data:`~.options.CELLS`.
        found: the same as a segmenter finds them, with some types mistaken.
        panck: (S, S) uint8, pan-cytokeratin.
        about: what was drawn.
    """

    image: np.ndarray
    nuclei: np.ndarray
    cells: np.ndarray
    found: np.ndarray
    panck: np.ndarray
    about: dict[str, float]


def make_tile(
    rng: np.random.Generator, organ: str, stain: Mapping[str, float], options: Mapping[str, Any]
) -> Sample:
    """Draw a tile of an organ: up to three of its tissues, in bands with wavy borders.

    Args:
        rng: its random numbers.
        organ: one of the options' ``organs``.
        stain: of the slide (:func:`~.optics.stain_of`).
        options: of the simulator.
    """
    own = options["organs"][organ]
    weights = np.array([own["tissues"][name] for name in TISSUES])
    count = min(int(rng.integers(1, MEET + 1)), int((weights > 0).sum()))
    chosen = rng.choice(len(TISSUES), count, replace=False, p=weights / weights.sum())
    shares = rng.dirichlet(np.full(count, 3.0))
    view = _view(rng, options, own["density"])
    layout = _meeting(view, [TISSUES[n] for n in chosen], list(shares))
    styled = {
        "hematoxylin": stain["hematoxylin"] * own["hematoxylin"],
        "eosin": stain["eosin"] * own["eosin"],
        "tint": stain["tint"] + own["tint"],
    }
    return _sample(rng, layout, styled, options, own["size"])


def make_patch(
    rng: np.random.Generator, tissue: str, stain: Mapping[str, float], options: Mapping[str, Any]
) -> Sample:
    """Draw a patch of one tissue, into which another may reach.

    Args:
        rng: its random numbers.
        tissue: one of :data:`~.options.TISSUES`.
        stain: of the slide.
        options: of the simulator.
    """
    view = _view(rng, options, 1.0)
    mixed = rng.uniform() < options["mixed"]["share"]
    other = TISSUES[int(rng.integers(len(TISSUES)))]
    reach = rng.uniform(0.05, max(float(options["mixed"]["reach"]), 0.05))
    both = mixed and other != tissue
    names, shares = ([tissue, other], [1 - reach, reach]) if both else ([tissue], [1.0])
    return _sample(rng, _meeting(view, names, shares), stain, options, 1.0)


def _view(rng: np.random.Generator, options: Mapping[str, Any], density: float) -> View:
    return View(rng, int(options["size"]), float(options["pixel"]), density, float(options["likeness"]))


def _meeting(view: View, names: list[str], shares: list[float]) -> Layout:
    layouts = [lay_out(name, view) for name in names]
    if len(layouts) == 1:
        return layouts[0]
    return joined(layouts, parted(view.rng, view, shares), view.pixel)


def _sample(
    rng: np.random.Generator,
    layout: Layout,
    stain: Mapping[str, float],
    options: Mapping[str, Any],
    size: float,
) -> Sample:
    pixel = float(options["pixel"])
    looks = looks_of(options["cells"], float(options["likeness"]))
    nuclei = paler(rng, settle(rng, layout.places, looks, size, float(options["crowding"])), options["hard"])
    blue = layout.hematoxylin + basophilia(rng, len(layout.eosin), pixel, options["hard"])
    stained, kinds = paint(rng, (blue, layout.eosin, layout.keratin), nuclei, layout.mimics, options)
    stained = uneven(rng, stained, pixel, options["hard"])
    image = photograph(rng, stained, stain, options["scanner"], pixel)
    panck = fluorescence(rng, stained, layout.tumour, options["panck"], pixel)
    wrong = rng.uniform(size=len(kinds)) < between(rng, options["errors"])
    # another type than the true one, each as likely
    mistaken = (kinds - 1 + rng.integers(1, len(CELLS), len(kinds))) % len(CELLS) + 1
    values = [np.append(0, own).astype(np.uint8) for own in (kinds, np.where(wrong, mistaken, kinds))]
    counts = np.bincount(kinds, minlength=len(CELLS) + 1)[1:]
    about = {
        "nuclei": float(len(kinds)),
        "mistaken": float(wrong.sum()),
        **{name: float(count) for name, count in zip(CELLS, counts)},
        "covered": float((stained.instances > 0).mean()),
        **{key: float(value) for key, value in stain.items()},
    }
    true, found = (own[stained.instances] for own in values)
    return Sample(image, stained.instances, true, found, panck, about)
