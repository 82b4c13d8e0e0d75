"""Anomalies put into healthy heads, so that methods can be tried where there are no patients."""

import hashlib

import numpy as np
from scipy import ndimage

from mlmi2023.papers.mddpm.options import Inserted

#: width of an anomaly's border, of its radius
SOFT = 0.3


def with_anomalies(
    image: np.ndarray,
    brain: np.ndarray,
    spacing: tuple[float, float, float],
    keys: Inserted,
    subject: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a head with anomalies, and where they are; both depend on the subject's name and the keys alone.

    Args:
        image: (S, H, W) in [0, 1].
        brain: bool, the same shape.
        spacing: mm of its axes.
        keys: how many, how large and how bright.
        subject: id.

    Returns:
        image and lesions, bool; outside of the brain nothing changes.
    """
    digest = hashlib.sha256(f"{subject} {sorted(vars(keys).items())}".encode()).digest()
    draw = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    image, lesions = image.copy(), np.zeros(brain.shape, bool)
    inner = ndimage.binary_erosion(brain, iterations=2, border_value=1)
    places = np.argwhere(inner if inner.any() else brain)
    grid = np.indices(brain.shape, dtype=np.float32)
    for _ in range(int(draw.integers(keys.count[0], keys.count[1] + 1))):
        middle = places[draw.integers(len(places))]
        radius = draw.uniform(*keys.radius) * np.exp(0.2 * np.clip(draw.standard_normal(3), -1.5, 1.5))
        off = np.sqrt(
            sum(((part - m) * mm / r) ** 2 for part, m, mm, r in zip(grid, middle, spacing, radius))
        )
        share = np.clip(0.5 + (1 - off) / SOFT, 0, 1) * brain
        value = keys.values[int(draw.integers(len(keys.values)))]
        image = image * (1 - share) + np.float32(value) * share
        lesions |= share > 0.5
    return image.astype(np.float32), lesions
