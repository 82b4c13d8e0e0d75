"""Dice and Jaccard of masks (Eq. 3), and the Dice that the release measures."""

import numpy as np

from mlmi2023.metrics.segmentation import count, rates

#: added above and below in the release's Dice
SMOOTH = 1.0


def hard_scores(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return ``dc`` and ``ji`` of masks (H, W): J = D / (2 - D), so that J is never above D."""
    rate = rates(count(found, truth))
    return {"dc": rate["dice"], "ji": rate["iou"]}


def dc_repo(score: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice of the release: of the sigmoid of an answer with the truth, both (H, W).

    It is 1 minus the loss of training. A network's answer is its logit, so that the Dice is soft. A method
    that answers with a mask has it put through the sigmoid as well: 0 becomes 0.5 and 1 becomes 0.73, which
    counts half of the background as found.

    Args:
        score: logits, or a mask of 0 and 1.
        truth: labels, 1 for the structure.
    """
    chance = 1 / (1 + np.exp(-score.astype(np.float64)))
    inside = (truth == 1).astype(np.float64)
    return float((2 * (chance * inside).sum() + SMOOTH) / (chance.sum() + inside.sum() + SMOOTH))
