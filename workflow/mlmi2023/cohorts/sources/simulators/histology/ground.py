"""What lies between nuclei: noise, fibres, outlines of glands, cells of fat."""

import numpy as np
from scipy.spatial import cKDTree


def between(rng: np.random.Generator, pair: list[float]) -> float:
    """Draw from a range."""
    return float(rng.uniform(pair[0], pair[1]))


def step(x: np.ndarray) -> np.ndarray:
    """Return a smooth step from 0 (x <= 0) to 1 (x >= 1)."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def noise(rng: np.random.Generator, size: int, scale: float) -> np.ndarray:
    """Return smooth noise (S, S) of mean 0 and deviation 1.

    Args:
        rng: its random numbers.
        size: rows and columns.
        scale: deviation of the Gaussian that smooths it, in pixels; the field is periodic.
    """
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    kept = np.exp(-2 * (np.pi * scale) ** 2 * (rows**2 + columns**2))
    kept[0, 0] = 0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * kept, (size, size))
    return field / max(float(field.std()), 1e-9)


def grid(size: int, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the pixels' centres, (S, S) each, in micrometres."""
    along = (np.arange(size) + 0.5) * pixel
    x, y = np.meshgrid(along, along)
    return x, y


def fibres(
    rng: np.random.Generator, size: int, pixel: float, period: float, wave: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return wavy fibres (S, S) in [0, 1], and the angle along which they run, (S, S).

    Args:
        rng: its random numbers.
        size: rows and columns.
        pixel: micrometres.
        period: from fibre to fibre, micrometres.
        wave: how far they bend, micrometres; 0: all straight.
    """
    x, y = grid(size, pixel)
    turn = rng.uniform(0, np.pi)
    bend = wave * noise(rng, size, max(2.5 * period / pixel, 2.0))
    across = -np.sin(turn) * x + np.cos(turn) * y + bend
    slope_y, slope_x = np.gradient(across, pixel)
    fine = 0.5 * noise(rng, size, max(0.5 / pixel, 0.6))
    along = np.arctan2(-slope_x, slope_y)
    return np.clip(0.5 + 0.5 * np.sin(2 * np.pi * across / period) + 0.3 * fine, 0, 1), along


def scatter(rng: np.random.Generator, size: int, pixel: float, density: float, margin: float) -> np.ndarray:
    """Return places (N, 2) as x and y in micrometres, evenly at random, also ``margin`` beyond the border.

    Args:
        rng: its random numbers.
        size: rows and columns.
        pixel: micrometres.
        density: in 1000 square micrometres.
        margin: micrometres.
    """
    side = size * pixel + 2 * margin
    count = rng.poisson(density * side**2 / 1000)
    return rng.uniform(-margin, size * pixel + margin, (count, 2))


class Glands:
    """Glands on a loose grid, each with an irregular outline.

    Attributes:
        depth: (S, S), of the nearest gland: 0 in its centre, 1 at its border, more outside.
        centres: (G, 2), x and y.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        size: int,
        pixel: float,
        radius: float,
        gap: float,
        irregularity: float,
    ) -> None:
        """Draw them.

        Args:
            rng: their random numbers.
            size: rows and columns.
            pixel: micrometres.
            radius: of a gland.
            gap: between two.
            irregularity: of the outline, of the radius.
        """
        pitch, side = 2 * radius + gap, size * pixel
        count = int(np.ceil(side / pitch)) + 2
        first = rng.uniform(-pitch, 0, 2)
        rows, columns = np.divmod(np.arange(count * count), count)
        # every other row is shifted by half, as in a honeycomb
        x = first[0] + (columns + 0.5 * (rows % 2)) * pitch
        y = first[1] + rows * pitch * 0.9
        jitter = rng.uniform(-1, 1, (count * count, 2)) * (0.3 * gap + 0.08 * radius)
        self.centres = np.stack([x, y], 1) + jitter
        self.radius = radius * rng.uniform(0.85, 1.1, len(self.centres))
        self.waves = rng.normal(0, irregularity, (len(self.centres), 4)) / np.sqrt(np.arange(2, 6))
        self.phases = rng.uniform(0, 2 * np.pi, (len(self.centres), 4))
        across, down = grid(size, pixel)
        points = np.stack([across.ravel(), down.ravel()], 1)
        near, self.owner = cKDTree(self.centres).query(points)
        offset = points - self.centres[self.owner]
        border = self.border(self.owner, np.arctan2(offset[:, 1], offset[:, 0]))
        self.depth = (near / border).reshape(size, size)

    def border(self, gland: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """Return the distance from centre to border of some glands at some angles, micrometres."""
        wave = self.waves[gland] * np.cos(np.arange(2, 6) * angle[:, None] + self.phases[gland])
        return self.radius[gland] * np.maximum(1 + wave.sum(1), 0.4)

    def ring(
        self, rng: np.random.Generator, depth: float, spacing: float, spread: float
    ) -> tuple[np.ndarray, ...]:
        """Return places (N, 2) along all glands at a depth, and the angles (N,) from the centres to them.

        Args:
            rng: its random numbers.
            depth: where between centre (0) and border (1).
            spacing: along the ring, micrometres.
            spread: deviation of the depth.
        """
        counts = np.maximum((2 * np.pi * depth * self.radius / spacing).astype(int), 3)
        gland = np.repeat(np.arange(len(counts)), counts)
        number = np.concatenate([np.arange(count) for count in counts])
        turn = rng.uniform(0, 2 * np.pi, len(counts))[gland]
        angle = turn + 2 * np.pi * (number + rng.uniform(-0.25, 0.25, len(gland))) / counts[gland]
        away = self.border(gland, angle) * np.clip(depth + rng.normal(0, spread, len(gland)), 0.1, 0.98)
        places = self.centres[gland] + away[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        return places, angle


def fat(
    rng: np.random.Generator, size: int, pixel: float, radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return membranes (S, S) in [0, 1] between cells of fat; and places (N, 2) on them with their angles.

    Args:
        rng: its random numbers.
        size: rows and columns.
        pixel: micrometres.
        radius: of a cell.
    """
    margin, side = 2 * radius, size * pixel
    count = max(int((side + 2 * margin) ** 2 / (3.2 * radius**2)), 4)
    centres = rng.uniform(-margin, side + margin, (count, 2))
    tree = cKDTree(centres)
    x, y = grid(size, pixel)
    away, _ = tree.query(np.stack([x.ravel(), y.ravel()], 1), k=2)
    membrane = np.exp(-(((away[:, 1] - away[:, 0]) / 1.6) ** 2)).reshape(size, size)
    places = rng.uniform(0, side, (max(count * 4, 16), 2))
    away, who = tree.query(places, k=2)
    on = away[:, 1] - away[:, 0] < 2.0
    line = centres[who[on, 1]] - centres[who[on, 0]]
    return membrane, places[on], np.arctan2(line[:, 1], line[:, 0]) + np.pi / 2
