"""Scores of a classifier from class probabilities: one protocol for all papers that classify.

All functions take labels (N,) of whole numbers 0 to C - 1. With two classes, class 1 is the positive one and
sensitivity, specificity, AUROC, AUPRC are its; with more, they are the means over classes, each against the
rest. All values are fractions. A value that the labels do not allow (AUROC with one class) is NaN.
"""

from collections.abc import Callable, Mapping

import numpy as np

#: scores that papers print in percent
SHARES = ("acc", "auc", "auprc", "f1", "sens", "spec", "ece")


def measure(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float | None = None
) -> dict[str, float]:
    """Return all scores by name: acc, auc, auprc, f1, sens, spec, ece, brier.

    F1 is the mean over classes (macro). The label that a row gets is its most probable class, or with two
    classes and a ``threshold``, class 1 where its probability reaches the threshold. Choose that on
    validation data (:func:`youden_threshold`), never on the rows that are scored.

    Args:
        labels: (N,) true class.
        probabilities: (N, C), rows sum to 1.
        threshold: operating point, for two classes.

    Raises:
        ValueError: shapes do not fit, a probability is not finite, or a threshold with more than two classes.
    """
    from sklearn.metrics import f1_score

    labels, probabilities = _checked(labels, probabilities)
    found = decide(probabilities, threshold)
    classes = range(probabilities.shape[1])
    return {
        "acc": float((found == labels).mean()),
        "auc": auroc(labels, probabilities),
        "auprc": auprc(labels, probabilities),
        "f1": float(f1_score(labels, found, labels=list(classes), average="macro", zero_division=0.0)),
        "sens": _over_classes(labels, found, len(classes), lambda truth, found: _share(found[truth])),
        "spec": _over_classes(labels, found, len(classes), lambda truth, found: _share(~found[~truth])),
        "ece": calibration_error(labels, probabilities),
        "brier": brier(labels, probabilities),
    }


def in_percent(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores with those that are shares (:data:`SHARES`) in percent; NaN is left out."""
    return {
        name: 100 * value if name in SHARES else value
        for name, value in scores.items()
        if not np.isnan(value)
    }


def decide(probabilities: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """Return the class of each row, (N,), from probabilities (N, C): the likeliest, or by a threshold."""
    if threshold is None:
        return probabilities.argmax(axis=1)
    if probabilities.shape[1] != 2:
        raise ValueError(f"a threshold needs two classes, there are {probabilities.shape[1]}")
    return (probabilities[:, 1] >= threshold).astype(int)


def youden_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the operating point with the largest sensitivity + specificity (Youden's J) on these rows.

    It lies halfway between the scores that it separates; among equals, the lowest one wins, which favours
    sensitivity. Meant for validation rows.

    Args:
        labels: (N,) 0 or 1, both present.
        scores: (N,) score of class 1.
    """
    positive = np.asarray(labels) == 1
    if positive.all() or not positive.any():
        raise ValueError("an operating point needs both classes in the validation rows")
    values = np.unique(scores)
    cuts = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2])
    gains = [_share(scores[positive] >= cut) + _share(scores[~positive] < cut) for cut in cuts]
    return float(cuts[int(np.argmax(gains))])


def auroc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the area under the ROC curve; ties count half."""
    labels, probabilities = _checked(labels, probabilities)
    return _mean_over(labels, probabilities, lambda truth, score: delong(truth, score[None])[0][0])


def auprc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the area under the precision-recall curve as average precision (steps, not trapezoids)."""
    from sklearn.metrics import average_precision_score

    labels, probabilities = _checked(labels, probabilities)
    return _mean_over(
        labels, probabilities, lambda truth, score: float(average_precision_score(truth, score))
    )


def delong(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return AUROCs and their covariance after DeLong et al. (1988), by midranks (Sun and Xu, 2014).

    Args:
        truth: (N,) bool.
        scores: (K, N), one row per classifier.

    Returns:
        (K,) areas and (K, K) covariance; NaN where a class is absent.
    """
    from scipy.stats import rankdata

    truth, scores = np.asarray(truth, bool), np.atleast_2d(np.asarray(scores, float))
    m, n = int(truth.sum()), int((~truth).sum())
    count = len(scores)
    if m == 0 or n == 0:
        return np.full(count, np.nan), np.full((count, count), np.nan)
    own = rankdata(scores[:, truth], axis=1)
    other = rankdata(scores[:, ~truth], axis=1)
    both = rankdata(scores, axis=1)
    # share of negatives below each positive, and of positives above each negative
    below = (both[:, truth] - own) / n
    above = 1 - (both[:, ~truth] - other) / m
    areas = below.mean(axis=1)
    covariance = sum(
        np.atleast_2d(np.cov(part)) / part.shape[1] if part.shape[1] > 1 else np.full((count, count), np.nan)
        for part in (below, above)
    )
    return areas, np.asarray(covariance)


def delong_interval(truth: np.ndarray, score: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Return AUROC and its interval by DeLong's variance on the logit scale, which keeps it inside [0, 1].

    A perfect or perfectly wrong score has no variance to speak of; its interval is the point itself.
    """
    from scipy.stats import norm

    areas, covariance = delong(truth, score)
    area, variance = float(areas[0]), float(covariance[0, 0])
    if not 0 < area < 1 or not variance > 0:
        return area, area, area
    centre = np.log(area / (1 - area))
    width = norm.ppf(0.5 + level / 2) * np.sqrt(variance) / (area * (1 - area))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-width, width]))))
    return area, float(low), float(high)


def delong_test(truth: np.ndarray, score: np.ndarray, other: np.ndarray) -> float:
    """Return the two-sided p of two classifiers having one AUROC on the same rows; 1 if they are equal."""
    from scipy.stats import norm

    areas, covariance = delong(truth, np.stack([score, other]))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    difference = areas[0] - areas[1]
    if variance <= 1e-18:
        return 1.0 if abs(difference) < 1e-12 else 0.0
    return float(2 * norm.sf(abs(difference) / np.sqrt(variance)))


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float],
    labels: np.ndarray,
    subjects: np.ndarray,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 2023,
) -> tuple[float, float]:
    """Return the percentile interval of a statistic over subjects drawn anew within each class.

    Args:
        statistic: takes row numbers and returns the statistic on them.
        labels: (N,) class; a subject's is that of its first row.
        subjects: (N,) subject; all rows of one are drawn together.
        level: of the interval.
        resamples: number of draws.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    _, first, owner = np.unique(subjects, return_index=True, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner)
    starts = np.cumsum(counts) - counts
    strata = [np.flatnonzero(labels[first] == c) for c in np.unique(labels[first])]
    values = []
    for _ in range(resamples):
        drawn = np.concatenate([rng.choice(stratum, len(stratum)) for stratum in strata])
        # all rows of each drawn subject
        long = counts[drawn]
        within = np.arange(long.sum()) - np.repeat(np.cumsum(long) - long, long)
        values.append(statistic(order[np.repeat(starts[drawn], long) + within]))
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error of the likeliest class (Guo et al., 2017).

    The mean gap between confidence and accuracy over ``bins`` equal bins of confidence, weighted by rows.
    """
    labels, probabilities = _checked(labels, probabilities)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(place, right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the Brier score: 0 to 1 with two classes (of class 1), 0 to 2 with more (sum over classes)."""
    labels, probabilities = _checked(labels, probabilities)
    squares = (probabilities - np.eye(probabilities.shape[1])[labels]) ** 2
    total = float(squares.sum(axis=1).mean())
    return total / 2 if probabilities.shape[1] == 2 else total


def _checked(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = np.asarray(labels).astype(int), np.asarray(probabilities, float)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape} do not fit")
    if not np.isfinite(probabilities).all() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError("probabilities must be finite and sum to 1 in each row")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(f"labels must be 0 to {probabilities.shape[1] - 1}")
    return labels, probabilities


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _mean_over(
    labels: np.ndarray, probabilities: np.ndarray, score: Callable[[np.ndarray, np.ndarray], float]
) -> float:
    """Apply ``score`` to class 1 of two, or to each class against the rest; NaN if a class is absent."""
    count = probabilities.shape[1]
    if len(np.unique(labels)) < count:
        return float("nan")
    chosen = [1] if count == 2 else range(count)
    return float(np.mean([score(labels == c, probabilities[:, c]) for c in chosen]))


def _over_classes(
    labels: np.ndarray, found: np.ndarray, count: int, score: Callable[[np.ndarray, np.ndarray], float]
) -> float:
    chosen = [1] if count == 2 else range(count)
    return float(np.mean([score(labels == c, found == c) for c in chosen]))
