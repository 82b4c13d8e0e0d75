"""Rows of Table 1 that learn nothing: Otsu, k-means, Chan-Vese, on what networks see of an image."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlmi2023.core.options import options
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.options import ChanVese, Kmeans
from mlmi2023.papers.ocm_vit.weighting import otsu
from mlmi2023.tasks.segmentation import Cases


def by_otsu(image: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Return where an image (H, W) uint8 is above Otsu's threshold."""
    return otsu(image)


def by_kmeans(image: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Return the brighter of two clusters of grey values (MacQueen 1967)."""
    from sklearn.cluster import KMeans

    if image.min() == image.max():
        return np.zeros(image.shape, np.uint8)
    keys = options(Kmeans, dict(given), "config", "methods.kmeans")
    values = image.reshape(-1, 1).astype(np.float64)
    found = KMeans(2, max_iter=keys.iterations, n_init=1, random_state=0).fit(values)
    bright = int(found.cluster_centers_[:, 0].argmax())
    return (found.labels_ == bright).reshape(image.shape).astype(np.uint8)


def by_chan_vese(image: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Return the brighter side of active contours without edges (Chan and Vese, after Getreuer 2012)."""
    from skimage.segmentation import chan_vese

    keys = options(ChanVese, dict(given), "config", "methods.chan_vese")
    found = chan_vese(
        image.astype(np.float64),
        mu=keys.mu,
        lambda1=keys.lambda1,
        lambda2=keys.lambda2,
        tol=keys.tolerance,
        max_num_iter=keys.iterations,
    )
    return brighter(image, np.asarray(found, bool))


def brighter(image: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return the side (H, W) bool, or the other one if that is brighter, uint8; an empty side is not."""
    if side.all() or not side.any():
        return np.zeros(image.shape, np.uint8)
    return (side if image[side].mean() >= image[~side].mean() else ~side).astype(np.uint8)


RULES = {"otsu": by_otsu, "kmeans": by_kmeans, "chan_vese": by_chan_vese}


def classical(cases: Cases, rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the masks of images by the rule that the method's ``kind`` names."""
    assert isinstance(cases, PoolCases)
    given = cases.job.method_options
    for row in rows:
        yield RULES[str(given["kind"])](np.asarray(cases.cohort.inputs[row]), given)
