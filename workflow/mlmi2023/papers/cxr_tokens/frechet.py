"""Frechet distance between normal and abnormal tokens of each region (Sect. 5, mFD)."""

import numpy as np

#: tokens that a Gaussian is fitted to, at least
FEWEST = 3


def principal(tokens: np.ndarray, components: int) -> np.ndarray:
    """Return tokens (n, D) in their own principal components, (n, k), k at most ``components``."""
    from sklearn.decomposition import PCA

    count = min(components, *tokens.shape)
    return np.asarray(PCA(count, svd_solver="full").fit_transform(np.asarray(tokens, np.float64)))


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two groups (n, k) (Dowson and Landau 1982)."""
    means = [group.mean(0) for group in (first, second)]
    covariances = [np.atleast_2d(np.cov(group, rowvar=False)) for group in (first, second)]
    shift = float(((means[0] - means[1]) ** 2).sum())
    # the root's trace from eigenvalues: those of C1 C2 are real and not negative
    values = np.linalg.eigvals(covariances[0] @ covariances[1])
    root = float(np.sqrt(np.clip(values.real, 0, None)).sum())
    return shift + float(np.trace(covariances[0]) + np.trace(covariances[1])) - 2 * root


def distances(
    tokens: np.ndarray, abnormal: np.ndarray, there: np.ndarray, components: int
) -> tuple[np.ndarray, float]:
    """Return the distance of each region, (R,), and the variance of all tokens.

    Args:
        tokens: (n, R, D).
        abnormal: (n, R) bool.
        there: (n, R) bool; tokens of missing regions are left out.
        components: of all tokens together, in which Gaussians are fitted.

    Returns:
        NaN for a region with fewer than three tokens of a kind.
    """
    flat = np.asarray(tokens, np.float64)[there]
    found = np.full(tokens.shape[1], np.nan)
    if len(flat) < 2:
        return found, float("nan")
    reduced = np.zeros((*there.shape, min(components, *flat.shape)))
    reduced[there] = principal(flat, components)
    for region in range(tokens.shape[1]):
        own = [reduced[there[:, region] & (abnormal[:, region] == kind), region] for kind in (False, True)]
        if min(map(len, own)) >= FEWEST:
            found[region] = frechet(*own)
    return found, float(reduced[there].var(0).sum())
