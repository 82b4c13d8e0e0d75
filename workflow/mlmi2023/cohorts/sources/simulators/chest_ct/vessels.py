"""Branching vessels inside a lung: tapered tubes that halve again and again until they are too thin."""

from collections import deque
from typing import Any

import numpy as np

Tube = tuple[np.ndarray, np.ndarray, np.ndarray]


def grow(
    rng: np.random.Generator, centre: np.ndarray, radii: np.ndarray, root: np.ndarray, options: dict[str, Any]
) -> list[Tube]:
    """Return the tubes (start, end, radii at both) of one tree.

    Args:
        rng: of the volume.
        centre: of the lung's ellipsoid, (3,) mm.
        radii: of the ellipsoid, (3,) mm.
        root: where the tree enters the lung.
        options: the part ``vessels``. A branch is ``length`` times its radius long, its children turn away by
            ``spread`` and shrink by about ``taper`` (Murray's law: 0.79 for equal ones). ``lean`` in
            [0, 1] pulls all branches towards the z axis.
    """
    tubes: list[Tube] = []
    first = _unit(centre - root + 0.3 * radii * rng.standard_normal(3))
    queue = deque([(root, first, float(rng.uniform(*options["radius"])))])
    while queue:
        start, way, radius = queue.popleft()
        if radius < options["thinnest"]:
            continue
        way = _leaning(way, options["lean"])
        end = start + way * radius * options["length"] * rng.uniform(0.8, 1.4)
        if np.sum(((end - centre) / radii) ** 2) > 0.95:  # turns back at the pleura
            way = _unit(way + 1.2 * _unit(centre - start))
            end = start + way * radius * options["length"]
            if np.sum(((end - centre) / radii) ** 2) > 0.95:
                continue
        small = radius * options["taper"] * rng.uniform(0.85, 1.15)
        tubes.append((start, end, np.array([radius, min(small, radius)])))
        side = _unit(np.cross(way, rng.standard_normal(3)))
        for sign, share in ((1, rng.uniform(0.9, 1.0)), (-1, rng.uniform(0.7, 1.0))):
            turned = _unit(way + sign * options["spread"] * side + 0.15 * rng.standard_normal(3))
            queue.append((end, turned, min(small, radius * 0.97) * share))
    return tubes


def _unit(v: np.ndarray) -> np.ndarray:
    return v / max(float(np.linalg.norm(v)), 1e-12)


def _leaning(way: np.ndarray, lean: float) -> np.ndarray:
    if not lean:
        return way
    upright = np.array([1.0 if way[0] >= 0 else -1.0, 0.0, 0.0])
    return _unit((1 - lean) * way + lean * upright)
