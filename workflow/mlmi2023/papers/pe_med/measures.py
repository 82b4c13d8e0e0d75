"""Dice of objects, clicks that they need, and means over objects whose samples are cases (Sect. 3)."""

from collections.abc import Mapping, Sequence

import numpy as np


def dice(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the Dice of masks (..., N), N pixels each, in percent; 100 where both are empty."""
    both = (found & truth).sum(-1, dtype=np.int64)
    sizes = found.sum(-1, dtype=np.int64) + truth.sum(-1, dtype=np.int64)
    return np.where(sizes > 0, 200 * both / np.maximum(sizes, 1), 100.0)


def clicks_to(values: np.ndarray, goal: float, most: int) -> np.ndarray:
    """Return NoC: how many clicks objects need to reach a Dice; those that never do count as ``most``.

    Args:
        values: (objects, clicks) Dice in percent, after the first click, the second, ...
        goal: percent.
        most: clicks that are made.
    """
    reached = values >= goal
    return np.where(reached.any(1), reached.argmax(1) + 1, most)


def by_case(cases: Sequence[str], values: np.ndarray) -> dict[str, float]:
    """Return what each case adds to the mean over all objects.

    With a mean m, that is m and how far the case's objects lie from m, times how many it has relative to the
    mean case: these numbers have the mean m, and its spread (:mod:`mlmi2023.metrics.contributions`).

    Args:
        cases: of each object.
        values: of each object.
    """
    names = list(dict.fromkeys(cases))
    own, mean = np.asarray(cases), values.mean()
    share = len(names) / len(values)
    return {name: float(mean + (values[own == name] - mean).sum() * share) for name in names}


def over_organs(parts: Mapping[str, Mapping[str, float]], cases: Sequence[str]) -> dict[str, float]:
    """Return what each case adds to the mean over organs of their means.

    Args:
        parts: by organ, what :func:`by_case` returns.
        cases: all of them; an organ may be in fewer.
    """
    names = list(dict.fromkeys(cases))
    means = {organ: sum(own.values()) / len(own) for organ, own in parts.items()}
    whole = sum(means.values()) / len(parts)

    def far(name: str) -> float:
        return sum((own[name] - means[organ]) / len(own) for organ, own in parts.items() if name in own)

    return {name: float(whole + far(name) / len(parts) * len(names)) for name in names}
