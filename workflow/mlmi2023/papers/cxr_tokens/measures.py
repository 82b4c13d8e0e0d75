"""Clinical scores from labels of reports (Sect. 4.1, CE), overlap of triples, AUROC over regions.

Scores of a whole set come as one number per case whose mean is the score (as in
:mod:`mlmi2023.metrics.contributions`), so that methods compare case by case.
"""

from collections.abc import Sequence

import numpy as np

from mlmi2023.metrics.contributions import auroc

#: what a labeller says of a finding
NOTHING, PRESENT, ABSENT, UNCERTAIN = range(4)


def positive(states: np.ndarray) -> np.ndarray:
    """Return which findings count as positive: present, and uncertain ones with them."""
    return (states == PRESENT) | (states == UNCERTAIN)


def contributions(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return one number per case whose mean is sum(above) / sum(below); zeros if there is nothing below."""
    above, below = np.asarray(above, float), np.asarray(below, float)
    if not below.any():
        return np.zeros(len(above))
    whole = above.sum() / below.sum()
    return np.asarray(whole + (above - whole * below) / below.mean())


def clinical(found: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return F1, precision and recall over all findings of all cases (micro), by case.

    Args:
        found: (n, K) bool, positive findings of written reports.
        truth: (n, K) bool, of true ones.
    """
    right, said, true = (found & truth).sum(1), found.sum(1), truth.sum(1)
    return {
        "ce_f1": contributions(2 * right, said + true),
        "ce_p": contributions(right, said),
        "ce_r": contributions(right, true),
    }


def macro(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean F1 over findings that are there in truth or answer; NaN if there is none."""
    both = (found & truth).sum(0)
    below = found.sum(0) + truth.sum(0)
    own = below > 0
    return float((2 * both[own] / below[own]).mean()) if own.any() else float("nan")


def example_based(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return F1 of each case, (n,); 1 where neither says anything is positive."""
    both, below = (found & truth).sum(1), found.sum(1) + truth.sum(1)
    return np.where(below > 0, 2 * both / np.maximum(below, 1), 1.0)


def triple_overlap(found: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> np.ndarray:
    """Return F1 over the triples of all cases, by case; a triple counts once in a case."""
    sets = [(set(one), set(other)) for one, other in zip(found, truth, strict=True)]
    right = np.array([len(one & other) for one, other in sets])
    below = np.array([len(one) + len(other) for one, other in sets])
    return contributions(2 * right, below)


def mean_auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean AUROC over pairs of region and finding that some cases have and others not.

    Args:
        scores: (n, R, F) or (n, F).
        truth: the same shape, 0 or 1.
    """
    flat, known = scores.reshape(len(scores), -1), truth.reshape(len(truth), -1)
    both = np.flatnonzero((known.min(0) == 0) & (known.max(0) == 1))
    areas = [float(auroc(known[:, column], flat[:, column]).mean()) for column in both]
    return float(np.mean(areas)) if areas else float("nan")


def consistency(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return fact_ENTNLI of each case from what labellers say, (n,).

    An entity of one report counts as supported where the other mentions it and does not contradict it. The
    reward is the harmonic mean of the supported shares of both (Miura et al. 2021; labels take the place of
    named entities and of an inference network).

    Args:
        found: (n, K) states of written reports.
        truth: (n, K) of true ones.
    """
    said, true = found != NOTHING, truth != NOTHING
    supported = said & true & (positive(found) == positive(truth))
    right, below = supported.sum(1), said.sum(1) + true.sum(1)
    return np.where(below > 0, 2 * right / np.maximum(below, 1), 1.0)
