"""A weak label: two traits of a tumour whose means depend a little on whether its promoter is methylated.

Each trait is normal with standard deviation 1 and a mean of plus or minus half its separation d. They are
independent, so the best that anyone can do who sees both is to decide by the sign of sum(d z) (of equally
frequent classes), which is right with probability Phi(sqrt(sum d^2) / 2).
"""

from collections.abc import Mapping
from math import erf, exp, hypot, log, sqrt
from typing import NamedTuple

import numpy as np


class Trait(NamedTuple):
    """What one tumour has.

    Attributes:
        methylated: the label.
        rim: decides how thick the rim is, which T1c shows.
        texture: decides how uneven the tumour is, which FLAIR shows best.
        posterior: probability of the label 1 for someone who knows both.
    """

    methylated: int
    rim: float
    texture: float
    posterior: float


def draw_trait(own: Mapping[str, float], rng: np.random.Generator) -> Trait:
    """Draw label and traits of one tumour.

    Args:
        own: ``methylation`` of the simulator's options: ``share`` of the methylated, separations ``rim`` and
            ``texture``.
        rng: source of randomness.
    """
    label = int(rng.random() < own["share"])
    z = {name: float((label - 0.5) * own[name] + rng.standard_normal()) for name in ("rim", "texture")}
    return Trait(label, z["rim"], z["texture"], posterior(own, z))


def posterior(own: Mapping[str, float], z: Mapping[str, float]) -> float:
    """Return the probability of label 1, given the traits ``z``."""
    share = min(max(own["share"], 1e-9), 1 - 1e-9)
    evidence = log(share / (1 - share)) + sum(own[name] * value for name, value in z.items())
    return 1 / (1 + exp(-max(min(evidence, 500.0), -500.0)))


def accuracy(*separations: float) -> float:
    """Return how often the best decision by traits with these separations is right, of equal classes."""
    return normal(hypot(*separations) / 2)


def normal(z: float) -> float:
    """Return the standard normal distribution function."""
    return 0.5 * (1 + erf(z / sqrt(2)))


def between(interval: tuple[float, float] | list[float], z: float, separation: float) -> float:
    """Return a place in an interval that rises with ``z``; over all tumours places are about even."""
    low, high = interval
    return low + (high - low) * normal(z / sqrt(1 + separation**2 / 4))
