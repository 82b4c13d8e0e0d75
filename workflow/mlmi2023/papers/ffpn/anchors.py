"""Anchor contours: cluster centres of the training contours' coefficients (Sect. 3)."""

import numpy as np


def cluster(coefficients: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` base anchors (count, N, 4) of training contours (M, N, 4), from large to small.

    Contours are centred, and start and direction are fixed already, so that equal shapes lie on each other.
    Where there are fewer contours than anchors, some come several times.
    """
    from sklearn.cluster import KMeans

    flat = coefficients.reshape(len(coefficients), -1)
    groups = min(count, len(np.unique(flat, axis=0)))
    found = KMeans(groups, n_init=10, random_state=0).fit(flat).cluster_centers_
    found = found[np.arange(count) % groups].reshape(count, *coefficients.shape[1:])
    size = np.sqrt((found[:, 0] ** 2).sum(-1))
    return found[np.argsort(-size, kind="stable")].astype(np.float32)
