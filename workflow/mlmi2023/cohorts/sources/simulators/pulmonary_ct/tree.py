"""Pulmonary arteries and veins as tapered tubes, from the trunk to sub-segmental branches.

Points are (z, y, x) in mm about the bifurcation of the trunk: z to the head, y to the back, x to the left.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

LEVELS = ("trunk", "main", "lobar", "segmental", "subsegmental")

# Directions (z, y, x) of the lobar arteries as they leave their main artery.
_LOBES = {
    "right": [(0.75, 0.1, -0.65), (-0.25, -0.65, -0.75), (-0.75, 0.55, -0.45)],
    "left": [(0.7, -0.25, 0.65), (-0.75, 0.5, 0.45)],
}
_TRUNK = np.array([[-22.0, -24.0, -4.0], [0.0, -8.0, 4.0]])
_MAIN_ENDS = {"right": np.array([-2.0, 2.0, -42.0]), "left": np.array([8.0, 8.0, 38.0])}


@dataclass(frozen=True)
class Tubes:
    """N tapered tubes.

    Attributes:
        start: (N, 3) mm.
        end: (N, 3) mm.
        radius: (N, 2) mm, at start and end.
        level: (N,) index into :data:`LEVELS`.
        parent: (N,) index of the tube that it springs from; -1 for a root.
    """

    start: np.ndarray
    end: np.ndarray
    radius: np.ndarray
    level: np.ndarray
    parent: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def of_level(self, *names: str) -> np.ndarray:
        """Return the indices of the tubes of these levels."""
        return np.flatnonzero(np.isin(self.level, [LEVELS.index(name) for name in names]))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


class _Growing:
    """Tubes that are still being added to."""

    def __init__(self) -> None:
        self.rows: list[tuple[np.ndarray, np.ndarray, tuple[float, float], int, int]] = []

    def add(self, start: Any, end: Any, radius: tuple[float, float], level: str, parent: int) -> int:
        self.rows.append((np.asarray(start), np.asarray(end), radius, LEVELS.index(level), parent))
        return len(self.rows) - 1

    def branch(
        self, parent: int, level: str, direction: np.ndarray, length: float, radius: float, start: Any = None
    ) -> int:
        origin = self.rows[parent][1] if start is None else start
        return self.add(origin, origin + length * direction, (radius, 0.75 * radius), level, parent)

    def done(self) -> Tubes:
        start, end, radius, level, parent = zip(*self.rows)
        return Tubes(np.stack(start), np.stack(end), np.array(radius), np.array(level), np.array(parent))


def arteries(rng: np.random.Generator, options: dict[str, Any], severity: float) -> Tubes:
    """Grow the arterial tree of one patient; pressure from a severe embolism widens trunk and mains."""
    sizes, lengths, counts = options["radius"], options["length"], options["branches"]
    scale = np.exp(0.07 * rng.standard_normal())
    wide = scale * (1 + options["dilation"] * max(severity, 0.0))
    tree = _Growing()
    jitter = rng.normal(0, 2.0, (4, 3))
    fork = _TRUNK[1] + jitter[0]
    trunk = tree.add(_TRUNK[0] + jitter[1], fork, (sizes["trunk"] * wide,) * 2, "trunk", -1)
    for number, (side, lobes) in enumerate(_LOBES.items()):
        hilum = _MAIN_ENDS[side] + jitter[2 + number]
        main = tree.add(fork, hilum, (sizes["main"] * wide, 0.85 * sizes["main"] * wide), "main", trunk)
        for lobe in lobes:
            aim = _unit(np.array(lobe) + 0.15 * rng.standard_normal(3))
            lobar = tree.branch(
                main, "lobar", aim, lengths["lobar"] * rng.uniform(0.8, 1.2), sizes["lobar"] * scale
            )
            _split(tree, rng, lobar, aim, options, scale, counts)
    return tree.done()


def _split(
    tree: _Growing,
    rng: np.random.Generator,
    lobar: int,
    aim: np.ndarray,
    options: dict[str, Any],
    scale: float,
    counts: dict[str, int],
) -> None:
    sizes, lengths, spread = options["radius"], options["length"], options["spread"]
    origin, tip = tree.rows[lobar][:2]
    for _ in range(counts["segmental"]):
        # most segmental branches leave along the second half of the lobar artery
        place = origin + (tip - origin) * rng.uniform(0.5, 1.0)
        way = _unit(aim + spread * rng.standard_normal(3))
        segment = tree.branch(
            lobar,
            "segmental",
            way,
            lengths["segmental"] * rng.uniform(0.7, 1.2),
            sizes["segmental"] * scale * rng.uniform(0.85, 1.15),
            place,
        )
        for _ in range(counts["subsegmental"]):
            turn = _unit(way + spread * rng.standard_normal(3))
            tree.branch(
                segment,
                "subsegmental",
                turn,
                lengths["subsegmental"] * rng.uniform(0.7, 1.2),
                sizes["subsegmental"] * scale * rng.uniform(0.85, 1.15),
            )


def veins(rng: np.random.Generator, options: dict[str, Any]) -> Tubes:
    """Grow the pulmonary veins: they run between the arteries, look like them, and never hold an embolus."""
    sizes, lengths, spread = options["radius"], options["length"], options["spread"]
    tree = _Growing()
    atrium = np.array([-22.0, 28.0, 2.0])
    for side in (-1, 1):
        for height in (14.0, -14.0):
            gate = atrium + np.array([height, 0.0, side * 34.0]) + rng.normal(0, 2.0, 3)
            main = tree.add(atrium, gate, (8.0, 6.5), "main", -1)
            aim = _unit(np.array([height / 14.0, 0.2 * rng.standard_normal(), side * 1.0]))
            for _ in range(3):
                way = _unit(aim + spread * rng.standard_normal(3))
                branch = tree.branch(main, "lobar", way, lengths["lobar"], 0.6 * sizes["lobar"])
                for _ in range(3):
                    turn = _unit(way + spread * rng.standard_normal(3))
                    tree.branch(branch, "segmental", turn, lengths["segmental"], 0.6 * sizes["segmental"])
    return tree.done()
