"""Vessels of the macula: a few that run towards the zone, and a mesh of capillaries that spares it."""

from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import Voronoi

from mlmi2023.cohorts.sources.simulators.octa.zone import Zone

#: beyond the image, so that its edge shows none of the mesh's
BEYOND = 1.3


def flow(
    rng: np.random.Generator, zone: Zone, own: dict[str, Any], options: dict[str, Any], fine: int
) -> np.ndarray:
    """Return how much blood flows at each place of a fine grid, (fine, fine) in [0, 1]."""
    canvas = Image.new("L", (fine, fine))
    draw, scale = ImageDraw.Draw(canvas), fine / 2
    width = max(1, round(rng.uniform(*options["capillary"]) * scale))
    for start, end in _mesh(rng, zone, own):
        draw.line(
            [*((start + 1) * scale), *((end + 1) * scale)], fill=int(rng.uniform(110, 200)), width=width
        )
    low, high = options["vessels"]["count"]
    for _ in range(int(rng.integers(int(low), int(high) + 1))):
        path = _towards(rng, zone)
        wide = rng.uniform(*options["vessels"]["width"]) * scale
        for step, (start, end) in enumerate(pairwise(path)):
            taper = max(1, round(wide * (1 - 0.75 * step / len(path))))
            draw.line([*((start + 1) * scale), *((end + 1) * scale)], fill=245, width=taper)
    return np.asarray(canvas, float) / 255


def _mesh(rng: np.random.Generator, zone: Zone, own: dict[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return edges of capillary cells that lie outside of the zone, and the ring that ends them."""
    cell = rng.uniform(*own["mesh"])
    along = np.arange(-BEYOND, BEYOND, cell)
    places = np.stack(np.meshgrid(along, along), -1).reshape(-1, 2)
    mesh = Voronoi(places + rng.uniform(-0.45, 0.45, places.shape) * cell)
    ends = np.array([pair for pair in mesh.ridge_vertices if min(pair) >= 0])
    lines = mesh.vertices[ends]
    outside = (zone.depth(lines) > 1).all(1) & (np.abs(lines) < BEYOND).all((1, 2))
    kept = lines[outside]
    kept = kept[rng.random(len(kept)) > rng.uniform(*own["dropout"])]
    angle = np.linspace(0, 2 * np.pi, 97)
    ring = zone.centre + 1.03 * zone.edge(angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    open_at = rng.random(96) < 0.1
    return [*zip(kept[:, 0], kept[:, 1])] + [(a, b) for a, b, gap in zip(ring, ring[1:], open_at) if not gap]


def _towards(rng: np.random.Generator, zone: Zone) -> np.ndarray:
    """Return a winding path from beyond the image to near the zone's edge, (n, 2)."""
    angle = rng.uniform(0, 2 * np.pi)
    away = np.linspace(1.6, float(zone.edge(np.array(angle))) * rng.uniform(1.08, 1.5), 40)
    bend = rng.uniform(-0.7, 0.7) * (1 - away / 1.6) + 0.05 * np.sin(away * rng.uniform(6, 14))
    turned = angle + bend
    # the outline differs along the way: what would cross it stays outside
    away = np.maximum(away, 1.05 * zone.edge(turned))
    path: np.ndarray = zone.centre + away[:, None] * np.stack([np.cos(turned), np.sin(turned)], 1)
    return path
