"""What tissues look like in each kind of image.

T2 and contrast frames are fractions of a bright tissue on T2, at an echo time of about 100 ms, without
suppression of fat on T2 and with some in contrast frames; ``adc`` is in 10^-3 mm^2/s, as textbooks of
prostate MRI have them.
"""

from typing import NamedTuple

import numpy as np


class Look(NamedTuple):
    """Means of one tissue in each kind of image, and how uneven it is, as a share of them."""

    t2: float
    adc: float
    early: float
    late: float
    uneven: float = 0.06


TISSUES: dict[str, Look] = {
    "fat": Look(0.62, 0.35, 0.50, 0.52),
    "muscle": Look(0.22, 1.05, 0.38, 0.46),
    "bone": Look(0.35, 0.30, 0.35, 0.40),
    "bladder": Look(1.10, 2.80, 0.20, 0.30, 0.02),
    "wall": Look(0.38, 1.20, 0.38, 0.75),
    "stool": Look(0.12, 0.20, 0.12, 0.12, 0.4),
    "veins": Look(0.85, 1.70, 0.40, 0.95, 0.25),
    "vesicles": Look(0.95, 1.90, 0.34, 0.62, 0.25),
    "sphincter": Look(0.42, 1.15, 0.37, 0.60),
    "peripheral": Look(0.80, 1.65, 0.36, 0.68, 0.10),
    "transition": Look(0.48, 1.30, 0.38, 0.80, 0.20),
    "stroma": Look(0.25, 0.95, 0.36, 0.50, 0.08),
    "urethra": Look(0.62, 1.35, 0.36, 0.72, 0.08),
}
NUMBER = {name: number for number, name in enumerate(TISSUES)}
#: labels of the zones that :func:`.gland.build` returns, and the tissue of each
ZONES: dict[int, str] = {
    1: "peripheral zone",
    2: "transition zone",
    3: "anterior stroma",
    4: "distal urethra",
}
CONTRASTS = Look._fields[:4]


def draw_means(rng: np.random.Generator, spread: float) -> dict[str, np.ndarray]:
    """Return the intensity of each tissue of one patient by contrast, (tissues,) float32.

    Args:
        rng: of the patient.
        spread: standard deviation between patients, a share of the mean.
    """
    found = {}
    for place, contrast in enumerate(CONTRASTS):
        means = np.array([look[place] for look in TISSUES.values()])
        found[contrast] = (means * (1 + spread * _clipped(rng, len(means)))).astype(np.float32)
    return found


def unevenness() -> np.ndarray:
    """Return how uneven each tissue is, (tissues,) float32."""
    return np.array([look.uneven for look in TISSUES.values()], np.float32)


def _clipped(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.clip(rng.standard_normal(count), -2, 2)
