"""A left ventricle in an apical view, what lies around it, and how all of it moves from ED to ES.

The ventricle is an ellipse with an uneven outline, cut off at its base; its wall is around it. Along the
local axes, u runs across and v from the apex to the base. A point is known by its elliptic radius, 1 on the
endocardium. Towards end-systole the cavity narrows, the wall thickens as tissue that keeps its area, the base
comes nearer to the apex; what lies farther out moves less and less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

#: labels of what a place is; the first two are those of the truth
TISSUE, CAVITY, MUSCLE, RIGHT, ATRIUM = range(5)
#: where the base cuts the ellipse, in its long half axes from the middle
BASE = 0.7
#: elliptic radius beyond which motion fades, and how fast, for narrowing and for shortening
CALM, FADE = 1.5, 0.7
#: steps of the search for where a point has come from
STEPS = 14

Places = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Heart:
    """Shape at ED and motion of one heart in one view; mm.

    Attributes:
        x: of the ellipse's middle.
        z: the same, away from the probe.
        tilt: of the long axis, radians.
        short: half axis across.
        long: half axis along.
        wall: thickness at the apex, on the left and on the right.
        waves: relative amplitude and phase of the outline's second, third and fourth harmonic.
        squeeze: width of the cavity at ES, relative.
        apical: share of the narrowing that happens along the long axis, too.
        shortening: of the base's distance from the apex.
        sway: of the whole heart, right and away from the probe.
        right: whether the right ventricle is beside it (four chambers).
    """

    x: float
    z: float
    tilt: float
    short: float
    long: float
    wall: tuple[float, float, float]
    waves: tuple[tuple[float, float], ...]
    squeeze: float
    apical: float
    shortening: float
    sway: tuple[float, float]
    right: bool

    def local(self, x: np.ndarray, z: np.ndarray) -> Places:
        """Return places along the local axes."""
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        away, down = x - self.x, z - self.z
        return cos * away - sin * down, sin * away + cos * down

    def turned_back(self, u: np.ndarray, v: np.ndarray) -> Places:
        """Return directions along the local axes as ones of x and z."""
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        return cos * u + sin * v, cos * v - sin * u

    def radius(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return elliptic radius and angle, 0 at the base and rising to the right."""
        angle = np.arctan2(u / self.short, v / self.long)
        outline = 1 + sum(
            size * np.cos(k * angle + phase) for k, (size, phase) in enumerate(self.waves, start=2)
        )
        return np.hypot(u / self.short, v / self.long) / outline, angle

    def outer(self, angle: np.ndarray) -> np.ndarray:
        """Return the elliptic radius of the epicardium."""
        apex, left, right = self.wall
        side = np.sin(angle)
        away = np.abs(side)
        thick = (1 - away) * apex + away * np.where(side < 0, left, right)
        return 1 + thick / np.hypot(self.short * np.sin(angle), self.long * np.cos(angle))

    def what(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return what lies at places at ED, labels of the module, uint8."""
        u, v = self.local(x, z)
        radius, angle = self.radius(u, v)
        above = v <= BASE * self.long
        found = np.full(u.shape, TISSUE, np.uint8)
        middle = (BASE + 0.08) * self.long + 17
        found[np.hypot(u / (0.8 * self.short), (v - middle) / 17) < 1] = ATRIUM
        if self.right:
            aside = -(self.short + self.wall[1] + 0.75 * self.short)
            beside = (
                np.hypot((u - aside) / (0.75 * self.short), (v - 0.15 * self.long) / (0.75 * self.long)) < 1
            )
            found[beside & (radius > self.outer(angle))] = RIGHT
        found[(radius <= self.outer(angle)) & above] = MUSCLE
        found[(radius < 1) & above] = CAVITY
        return found

    def motion(self, x: np.ndarray, z: np.ndarray, squeezed: float) -> Places:
        """Return how far places at ED have moved, when a share of the contraction is done."""
        u, v = self.local(x, z)
        radius, _ = self.radius(u, v)
        calm = np.exp(-((np.maximum(radius - CALM, 0) / FADE) ** 2))
        narrow = 1 - squeezed * (1 - self.squeeze)
        # rings of tissue keep their area: r'^2 = r^2 - (1 - narrow^2)
        outside = np.sqrt(np.maximum(radius**2 - (1 - narrow**2) * calm, 1e-9)) / np.maximum(radius, 1e-9)
        scale = np.where(radius < 1, narrow, outside) - 1
        along = np.clip((v + self.long) / ((1 + BASE) * self.long), 0, 1.2)
        moved_u = u * scale
        moved_v = self.apical * v * scale - squeezed * self.shortening * along * calm
        dx, dz = self.turned_back(moved_u, moved_v)
        swayed = np.sin(np.pi * squeezed / 2)
        return dx + self.sway[0] * swayed, dz + self.sway[1] * swayed

    def origin(self, x: np.ndarray, z: np.ndarray, squeezed: float) -> Places:
        """Return where at ED the tissue was that is now at places: the inverse of :meth:`motion`."""
        from_x, from_z = np.array(x, float), np.array(z, float)
        for _ in range(STEPS if squeezed else 0):
            dx, dz = self.motion(from_x, from_z, squeezed)
            from_x, from_z = x - dx, z - dz
        return from_x, from_z

    def way(self, x: np.ndarray, z: np.ndarray, now: float, then: float) -> Places:
        """Return how far the tissue at places moves between two shares of the contraction."""
        start = self.origin(x, z, now)
        dx, dz = self.motion(*start, then)
        return start[0] + dx - x, start[1] + dz - z


def contraction(frames: int) -> np.ndarray:
    """Return the share of the contraction that is done in each frame from ED to ES: slow at both ends."""
    return (1 - np.cos(np.pi * np.linspace(0, 1, frames))) / 2


def draw_heart(
    patient: np.random.Generator, view: np.random.Generator, four: bool, options: Mapping[str, Any]
) -> Heart:
    """Draw a heart in a view.

    Args:
        patient: random numbers of the patient, which both views share when they begin alike.
        view: those of the view.
        four: whether it is the view of four chambers.
        options: of the simulator.
    """
    shape, motion = options["heart"], options["motion"]
    length, width, wall, squeeze, shortening = (
        patient.uniform(*pair)
        for pair in (shape["length"], shape["width"], shape["wall"], motion["squeeze"], motion["shortening"])
    )
    long = length / (1 + BASE)
    return Heart(
        x=float(view.uniform(*shape["aside"])),
        z=float(view.uniform(*shape["apex"]) + long),
        tilt=float(np.deg2rad(view.uniform(*shape["tilt"]))),
        short=float(width / 2 * view.uniform(0.94, 1.06)),
        long=float(long),
        wall=tuple((wall * view.uniform(0.85, 1.15, 3)).tolist()),
        waves=tuple(
            (float(size), float(phase))
            for size, phase in zip(
                view.normal(0, shape["uneven"], 3) / (1, 1.5, 2), view.uniform(0, 2 * np.pi, 3)
            )
        ),
        squeeze=float(squeeze),
        apical=float(motion["apical"]),
        shortening=float(shortening),
        sway=(float(view.uniform(*motion["sway"])), float(view.uniform(*motion["sway"]))),
        right=four,
    )
