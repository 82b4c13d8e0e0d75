"""The picture of a thorax without findings in it: lungs, ribs, heart and great vessels."""

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays.anatomy import Thorax
from mlmi2023.cohorts.sources.simulators.chest_xrays.shapes import Grid, blob, disc, edge, line, texture
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import SIDES

#: brightness of air outside, soft tissue, lung, heart and mediastinum, and what lies below the domes
AIR, TISSUE, LUNG, HEART, BELOW = 0.04, 0.55, 0.22, 0.72, 0.66

#: masks of the lungs by side
Lungs = dict[str, np.ndarray]


def body(where: Grid, thorax: Thorax, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the picture of a healthy thorax and the mask of what is seen of either lung, (S, S) each."""
    x, y, pixel = where.x, where.y, where.pixel
    image = np.where(np.abs(x - thorax.middle) < thorax.width + 0.07, TISSUE, AIR)
    image = np.where((y < thorax.top - 0.06) & (np.abs(x - thorax.middle) > 0.14), AIR + 0.3 * image, image)
    lungs = {}
    for side in SIDES:
        lungs[side] = lung(where, thorax, side)
        image = image * (1 - lungs[side]) + (LUNG - 0.04 * thorax.flat) * lungs[side]
        below = edge(y - dome(where, thorax, side), pixel) * (thorax.way(side) * (x - thorax.middle) > 0)
        image = np.where(
            np.abs(x - thorax.middle) < thorax.width + 0.07, image * (1 - below) + BELOW * below, image
        )
    both = lungs["right"] + lungs["left"]
    image = image + 0.02 * texture(rng, len(x), 0.015) * both
    # ribs run down and outwards
    arcs = np.sin(2 * np.pi * (y + 0.25 * (x - thorax.middle) ** 2 * 4 - thorax.top) / 0.085)
    image = image + 0.035 * np.clip(arcs, 0, 1) * both
    left, top, right, bottom = thorax.box("cardiac silhouette")
    heart = blob_edge(
        where, (left + right) / 2, (top + bottom) / 2 + 0.02, (right - left) / 2, (bottom - top) / 2
    )
    column = edge(thorax.column - np.abs(x - thorax.middle), pixel) * (y > thorax.top - 0.05)
    solid = np.maximum(np.maximum(heart, column), disc(where, *thorax.arch, 0.035))
    image = np.where(np.abs(x - thorax.middle) < thorax.width, image * (1 - solid) + HEART * solid, image)
    for side in SIDES:
        hx, hy, half = hilum(thorax, side)
        image = image + 0.2 * blob(where, hx, hy, 0.5 * half, 0.6 * half) * lungs[side]
        image = image + 0.16 * line(where, clavicle(thorax, side), 0.022)
    lungs = {side: mask * (1 - solid) for side, mask in lungs.items()}
    pipe = edge(0.018 - np.abs(x - thorax.middle), pixel) * (y < thorax.carina)
    return image - 0.14 * pipe * (image > 0.3), lungs


def lung(where: Grid, thorax: Thorax, side: str) -> np.ndarray:
    """Return a lung's mask, 0 to 1: above its dome, narrower towards the apex, (S, S)."""
    out = thorax.way(side) * (where.x - thorax.middle)
    height = np.clip((where.y - thorax.top) / (thorax.base(side) - thorax.top), 0, 1)
    outer = 0.05 + (thorax.width - 0.05) * np.sqrt(1 - (1 - height) ** 2.5)
    inside = np.minimum(np.minimum(out - 0.05, outer - out), dome(where, thorax, side) - where.y)
    return edge(np.minimum(inside, where.y - thorax.top), where.pixel)


def dome(where: Grid, thorax: Thorax, side: str) -> np.ndarray:
    """Return the height of a hemidiaphragm above each pixel's column: it falls towards the angle, (S, S)."""
    out = thorax.way(side) * (where.x - thorax.middle)
    off = (out - 0.45 * thorax.width) / (0.55 * thorax.width)
    return np.asarray(thorax.base(side) + (0.07 - 0.035 * thorax.flat) * np.clip(off, -0.5, 1.2) ** 2)


def blob_edge(where: Grid, x: float, y: float, across: float, down: float) -> np.ndarray:
    """Return an ellipse with an edge of a pixel, 0 to 1, (S, S)."""
    away = np.sqrt(((where.x - x) / across) ** 2 + ((where.y - y) / down) ** 2)
    return edge((1 - away) * min(across, down), where.pixel)


def hilum(thorax: Thorax, side: str) -> tuple[float, float, float]:
    """Return the middle of a hilum and half the side of its box."""
    left, top, right, bottom = thorax.box(f"{side} hilum")
    return (left + right) / 2, (top + bottom) / 2, (right - left) / 2


def clavicle(thorax: Thorax, side: str) -> list[tuple[float, float]]:
    """Return the ends of a clavicle, the inner first."""
    way = thorax.way(side)
    return [
        (thorax.middle + way * 0.05, thorax.top + 0.07),
        (thorax.middle + way * (thorax.width - 0.01), thorax.top),
    ]
