"""Nuclei, and what mimics them, painted into the absorption of both stains.

All nuclei are drawn at once, each in a small window; a loop over them only adds the windows.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.sources.simulators.histology.ground import between, noise, scatter, step
from mlmi2023.cohorts.sources.simulators.histology.places import Nuclei

#: waves around an outline: the second to the fifth
WAVES = np.arange(2, 6)
#: nucleoli that are drawn at most, and their radius, of the nucleus's
NUCLEOLI, NUCLEOLUS = 3, 0.24


class Stained(NamedTuple):
    """Absorption and truth of a sample.

    Attributes:
        hematoxylin: (S, S).
        eosin: (S, S).
        pigment: (S, S), brown.
        keratin: (S, S), cytoplasm of epithelium that no nucleus covers.
        instances: (S, S) uint16, 0 outside nuclei.
    """

    hematoxylin: np.ndarray
    eosin: np.ndarray
    pigment: np.ndarray
    keratin: np.ndarray
    instances: np.ndarray


class Windows(NamedTuple):
    """Shapes in windows (N, W, W): cover in [0, 1], depth (1 at the border), and where each begins."""

    cover: np.ndarray
    depth: np.ndarray
    u: np.ndarray
    v: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def shapes(
    rng: np.random.Generator,
    x: np.ndarray,
    y: np.ndarray,
    angle: np.ndarray,
    radius: np.ndarray,
    elongation: np.ndarray,
    irregularity: np.ndarray,
    pixel: float,
    soft: float = 1.0,
) -> Windows:
    """Draw ellipses with irregular outlines.

    Args:
        rng: random numbers of the outlines.
        x: of the centres, micrometres; all arguments but the last two are (N,).
        y: likewise.
        angle: of the long axes.
        radius: of the circle of the same area.
        elongation: ratio of the axes.
        irregularity: deviation of the outline, of the radius.
        pixel: micrometres.
        soft: width of the edge in pixels.
    """
    long, short = radius * np.sqrt(elongation), radius / np.sqrt(elongation)
    reach = int(np.ceil((1.35 * float(long.max()) + soft * pixel) / pixel)) if len(x) else 1
    columns, rows = (np.floor(at / pixel).astype(int) - reach for at in (x, y))
    along = (np.arange(2 * reach + 1) + 0.5) * pixel
    dx = (columns * pixel - x)[:, None, None] + along[None, None, :]
    dy = (rows * pixel - y)[:, None, None] + along[None, :, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    u, v = (cos * dx + sin * dy) / long[:, None, None], (cos * dy - sin * dx) / short[:, None, None]
    turn, away = np.arctan2(v, u), np.hypot(u, v)
    border = np.ones_like(away)
    sizes = rng.normal(0, 1, (len(x), len(WAVES))) * irregularity[:, None] / np.sqrt(WAVES / 2)
    phases = rng.uniform(0, 2 * np.pi, (len(x), len(WAVES)))
    for number, wave in enumerate(WAVES):
        border += sizes[:, number, None, None] * np.cos(wave * turn + phases[:, number, None, None])
    depth = away / np.clip(border, 0.5, 1.3)
    # how far the border is, in pixels, by the shorter axis: exact for circles
    cover = np.clip((1 - depth) * (short / pixel)[:, None, None] / soft + 0.5, 0, 1)
    return Windows(cover, depth, u, v, rows, columns)


def _over(window: Windows, number: int, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return where a window lies in the image and which part of it does; None if it is wholly outside."""
    side, image, own = window.cover.shape[1], [], []
    for first in (int(window.rows[number]), int(window.columns[number])):
        begin, end = max(first, 0), min(first + side, size)
        if begin >= end:
            return None
        image.append(slice(begin, end))
        own.append(slice(begin - first, end - first))
    return (image[0], image[1]), (own[0], own[1])


def paint(
    rng: np.random.Generator,
    ground: tuple[np.ndarray, np.ndarray, np.ndarray],
    nuclei: Nuclei,
    mimics: float,
    options: Mapping[str, Any],
) -> tuple[Stained, np.ndarray]:
    """Paint mimics, and nuclei over them.

    Args:
        rng: their random numbers.
        ground: hematoxylin, eosin and keratin, (S, S) each.
        nuclei: what is to be drawn.
        mimics: factor of how much there is that mimics nuclei.
        options: of the simulator.

    Returns:
        the stained tissue, and for instance 1, 2, ... the type, (N,) uint8; instances that nothing is to be
        seen of have no number.
    """
    hematoxylin, eosin, keratin = (field.copy() for field in ground)
    size, pixel = len(hematoxylin), float(options["pixel"])
    pigment = np.zeros_like(hematoxylin)
    _mimics(rng, hematoxylin, eosin, pigment, mimics, options)
    look = nuclei.look
    window = shapes(
        rng, nuclei.x, nuclei.y, nuclei.angle, look["radius"], look["elongation"], look["irregularity"], pixel
    )
    inner = _inner(rng, nuclei, window)
    clump = noise(rng, size, max(0.6 / pixel, 0.7))
    owner = np.zeros((size, size), np.int64)
    for number in range(len(nuclei.x)):
        at = _over(window, number, size)
        if at is None:
            continue
        image, own = at
        cover = window.cover[number][own]
        grain = 1 + look["chromatin"][number] * clump[image]
        dark = np.clip(look["absorbs"][number] * inner[number][own] * np.clip(grain, 0.4, None), 0, None)
        hematoxylin[image] += cover * (dark - hematoxylin[image])
        eosin[image] += cover * (0.12 - eosin[image])
        keratin[image] *= 1 - cover
        pigment[image] *= 1 - cover
        owner[image][cover > 0.5] = number + 1
    seen, instances = np.unique(owner, return_inverse=True)
    instances = instances.reshape(size, size) + (0 if seen[0] == 0 else 1)
    kinds = nuclei.kind[seen[seen > 0] - 1].astype(np.uint8)
    stained = Stained(hematoxylin, eosin, pigment, keratin, instances.astype(np.uint16))
    return stained, kinds


def _inner(rng: np.random.Generator, nuclei: Nuclei, window: Windows) -> np.ndarray:
    """Return factors (N, W, W) of a nucleus's absorption: a darker rim, and nucleoli."""
    rim = nuclei.look["rim"][:, None, None] * np.exp(-(((window.depth - 0.92) / 0.14) ** 2))
    factor = 1 - 0.4 * nuclei.look["rim"][:, None, None] + 2 * rim
    count = len(nuclei.x)
    for number in range(NUCLEOLI):
        away, turn = rng.uniform(0.1, 0.55, count), rng.uniform(0, 2 * np.pi, count)
        there = (number < nuclei.nucleoli)[:, None, None]
        u, v = ((away * wave(turn))[:, None, None] for wave in (np.cos, np.sin))
        factor = factor + there * 0.9 * np.exp(-((window.u - u) ** 2 + (window.v - v) ** 2) / NUCLEOLUS**2)
    return factor


def _mimics(
    rng: np.random.Generator,
    hematoxylin: np.ndarray,
    eosin: np.ndarray,
    pigment: np.ndarray,
    factor: float,
    options: Mapping[str, Any],
) -> None:
    """Paint what is as large and nearly as dark as nuclei and is none: smudges, brown grains, red cells."""
    own, size, pixel = options["mimics"], len(hematoxylin), float(options["pixel"])
    at = scatter(rng, size, pixel, min(between(rng, own["density"]) * factor, 20.0), 4.0)
    count = len(at)
    if not count:
        return
    kind = rng.integers(0, 3, count)
    radius, absorbs = (rng.uniform(own[key][0], own[key][1], count) for key in ("radius", "absorbs"))
    ratio, rough = rng.uniform(1, 1.8, count), rng.uniform(0.08, 0.2, count)
    window = shapes(rng, at[:, 0], at[:, 1], rng.uniform(0, np.pi, count), radius, ratio, rough, pixel)
    blurred = step((1.15 - window.depth) / 0.9)
    red = np.clip(window.cover, 0, 1) * (0.75 + 0.25 * np.clip(window.depth, 0, 1))
    for number in range(count):
        where = _over(window, number, size)
        if where is None:
            continue
        image, part = where
        if kind[number] == 0:
            hematoxylin[image] += absorbs[number] * 0.7 * blurred[number][part]
        elif kind[number] == 1:
            pigment[image] += absorbs[number] * window.cover[number][part]
        else:
            eosin[image] += absorbs[number] * 0.8 * red[number][part]
