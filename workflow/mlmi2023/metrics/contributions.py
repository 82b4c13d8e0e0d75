"""What each case adds to a score of the whole set, so that sets compare case by case.

AUROC and F1 belong to a set, not to a case. Each function here returns one number per case whose mean is the
score and whose spread is that of the score: the score plus the case's influence on it. Means, paired
differences and a bootstrap over cases then work as they do for accuracy. For AUROC the variance of the mean
is DeLong's; for F1 it is that of the delta method.
"""

import numpy as np


def accuracy(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Return 1 where the decision (N,) is right and 0 elsewhere."""
    return (np.asarray(labels) == np.asarray(decisions)).astype(float)


def f1(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Return the contributions to F1 of class 1, (N,).

    With a = 2 TP and b = 2 TP + FP + FN summed over cases, F1 = a / b; a case adds (a_i - F1 b_i) / mean(b).

    Args:
        labels: (N,) 0 or 1.
        decisions: (N,) 0 or 1.

    Returns:
        Zeros if nobody is positive, neither in truth nor by decision.
    """
    truth, found = np.asarray(labels) == 1, np.asarray(decisions) == 1
    above = 2.0 * (truth & found)
    below = above + (truth != found)
    if not below.any():
        return np.zeros(len(truth))
    score = above.sum() / below.sum()
    return score + (above - score * below) / below.mean()


def auroc(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the contributions to AUROC, (N,); NaN if a class is absent.

    A positive case's is built on the share of negatives below it, a negative one's on the share of positives
    above it (ties count half): DeLong's structural components.
    """
    from scipy.stats import rankdata

    truth, scores = np.asarray(labels) == 1, np.asarray(scores, float)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return np.full(len(truth), np.nan)
    everyone = rankdata(scores)
    component = np.empty(len(truth))
    component[truth] = (everyone[truth] - rankdata(scores[truth])) / negatives
    component[~truth] = 1 - (everyone[~truth] - rankdata(scores[~truth])) / positives
    area = component[truth].mean()
    weight = np.where(truth, len(truth) / positives, len(truth) / negatives)
    return area + weight * (component - area)
