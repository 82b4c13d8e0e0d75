"""Contours as Fourier series of seven orders: templates, and random detail on them.

Coefficients are (7, 4): of order n the factors of sine and cosine of 2 pi n t in x, then those in y, as in
Kuhl and Giardina 1982. Templates have a length scale of about 1, point up, and run clockwise with y down.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

ORDERS = np.arange(1, 8)
#: points by which a template is drawn before it is cut to seven orders
FINE = 1024


class Contour(NamedTuple):
    """A closed contour in mm.

    Attributes:
        centre: x and z, (2,).
        coefficients: (7, 4).
    """

    centre: np.ndarray
    coefficients: np.ndarray

    def points(self, count: int = 360) -> np.ndarray:
        """Return points at even steps of the parameter, (count, 2)."""
        angle = 2 * np.pi * np.arange(count)[:, None] / count * ORDERS
        sine, cosine = np.sin(angle), np.cos(angle)
        a, b, c, d = self.coefficients.T
        return self.centre + np.stack([sine @ a + cosine @ b, sine @ c + cosine @ d], axis=1)

    def turned(self, angle: float, stretch: tuple[float, float] = (1.0, 1.0)) -> "Contour":
        """Return it stretched in x and y about its centre, then turned by radians, clockwise."""
        cos, sin = np.cos(angle), np.sin(angle)
        return self.linear(np.array([[cos, -sin], [sin, cos]]) @ np.diag(stretch))

    def linear(self, matrix: np.ndarray) -> "Contour":
        """Return it under a linear map (2, 2) of all that lies about its centre."""
        pairs = self.coefficients.reshape(7, 2, 2)
        return self._replace(coefficients=np.einsum("ij,njk->nik", matrix, pairs).reshape(7, 4))


def cut(points: np.ndarray) -> Contour:
    """Return the series of seven orders nearest to a closed polygon (P, 2), by its length."""
    closed = np.vstack([points, points[:1]])
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.arange(FINE) / FINE * length[-1]
    even = np.stack([np.interp(at, length, closed[:, k]) for k in (0, 1)], axis=1)
    angle = 2 * np.pi * np.arange(FINE)[:, None] / FINE * ORDERS
    series = [2 / FINE * wave(angle).T @ even for wave in (np.sin, np.cos)]
    found = np.stack([series[0][:, 0], series[1][:, 0], series[0][:, 1], series[1][:, 1]], axis=1)
    return Contour(even.mean(axis=0), found)


@cache
def template(name: str) -> Contour:
    """Return ``ellipse`` (a circle), ``pear`` (a ventricle, apex up), ``atrium`` or ``hook`` (an arch)."""
    turn = 2 * np.pi * np.arange(FINE) / FINE - np.pi / 2
    x, y = np.cos(turn), np.sin(turn)
    if name == "ellipse":
        return cut(np.stack([x, y], axis=1))
    if name == "pear":  # narrow above, flat below
        return cut(np.stack([x * (0.86 + 0.2 * y - 0.1 * y**2), np.minimum(y, 0.8)], axis=1))
    if name == "atrium":
        return cut(np.stack([x * (1 - 0.08 * y), np.maximum(y, -0.75)], axis=1))
    return arch(1.0, 0.42, 1.0, np.deg2rad(205))


def arch(radius: float, thickness: float, ratio: float, opening: float) -> Contour:
    """Return a band around the top of an ellipse, with round ends.

    Args:
        radius: half width of its middle line.
        thickness: of the band.
        ratio: height over width of the middle line.
        opening: angle that the band spans, radians.
    """
    along = np.linspace(-opening / 2, opening / 2, FINE // 2)
    middle = np.stack([np.sin(along), -ratio * np.cos(along)], axis=1) * radius
    normal = np.stack([np.sin(along) * ratio, -np.cos(along)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    ends = []
    for place, side in ((-1, 1), (0, -1)):
        first, step = normal[place], np.linspace(0, np.pi, 40)[1:-1]
        ahead = np.array([-first[1], first[0]])
        ends.append(
            middle[place]
            + thickness / 2 * side * np.outer(np.cos(step), first)
            + thickness / 2 * side * np.outer(np.sin(step), ahead)
        )
    outer, inner = middle + thickness / 2 * normal, middle - thickness / 2 * normal
    return cut(np.vstack([outer, ends[0], inner[::-1], ends[1]]))


def detailed(rng: np.random.Generator, contour: Contour, radius: float, options: dict[str, Any]) -> Contour:
    """Return a contour with random parts added: ``low`` to orders 2 and 3, ``detail`` to 4 to 7.

    Args:
        rng: random numbers.
        contour: a template, scaled.
        radius: of which the options are shares, mm.
        options: of the simulator.
    """
    low, detail = (float(rng.uniform(*options[key])) for key in ("low", "detail"))
    spread = np.where(ORDERS < 4, low * (ORDERS > 1), detail * 4 / ORDERS)
    more = rng.normal(0, 1, (7, 4)) * (radius * spread)[:, None] / 2
    return contour._replace(coefficients=contour.coefficients + more)
