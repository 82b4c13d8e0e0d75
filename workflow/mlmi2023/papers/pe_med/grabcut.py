"""GrabCut (Rother et al. 2004): mixtures of Gaussians in and around a box, and the cheapest cut between them.

No library of this project has it, so it is written from its description: mixtures by scikit-learn, the cut by
SciPy's maximum flow.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from mlmi2023.papers.pe_med.options import GrabCut

#: costs become whole numbers of this fineness
FINE = 100
#: cost of going against a pixel that the user has marked
NEVER = 10**7
#: the four of a pixel's eight neighbours that come after it: down, right, their distance
STEPS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 2**0.5), (1, -1, 2**0.5))


def box_around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Return rows and columns of the box around a mask (H, W), larger by ``margin`` pixels on each side."""
    rows, columns = np.nonzero(mask)
    top, left = max(int(rows.min()) - margin, 0), max(int(columns.min()) - margin, 0)
    return slice(top, int(rows.max()) + margin + 1), slice(left, int(columns.max()) + margin + 1)


def grabcut(
    image: np.ndarray,
    box: tuple[slice, slice],
    keys: GrabCut,
    start: np.ndarray | None = None,
    sure: np.ndarray | None = None,
) -> np.ndarray:
    """Return a mask (H, W) bool; outside the box is background.

    Args:
        image: (H, W) grey values, 0 to 255.
        box: rows and columns.
        keys: of the method.
        start: (H, W) bool, the mask so far, which one iteration corrects; None: all of the box.
        sure: (H, W): 1 where the user has marked the object, -1 background, 0 nothing; None: nowhere.
    """
    image = np.asarray(image, np.float64)
    mask = np.zeros(image.shape, bool)
    mask[box] = True
    inside = mask.copy()
    marked = np.zeros(image.shape, np.int8) if sure is None else sure
    if start is not None:
        mask = start.copy()
    cut = _Cut(image, inside, keys.gamma)
    for _ in range(keys.iterations if start is None else 1):
        mask = (mask & (marked >= 0)) | (inside & (marked > 0))
        if not mask.any() or mask.all():
            break
        cost = [_cost(image[own], image, keys.components) for own in (mask, ~mask)]
        found = cut(cost[0], cost[1], marked)
        if (found == mask).all():
            break
        mask = found
    return mask


def _cost(values: np.ndarray, image: np.ndarray, components: int) -> np.ndarray:
    """Return minus the logarithm of the density of some values' mixture, (H, W)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if len(values) == 1:  # a mask of a single pixel; a mixture wants two samples
        values = values.repeat(2)
    count = min(components, len(np.unique(values)))
    mixture = GaussianMixture(
        count, reg_covar=1.0, max_iter=20, tol=0.01, random_state=0, init_params="k-means++"
    )
    with warnings.catch_warnings():
        # a mixture that is not quite there yet serves, as one round does in the original
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(values[:, None])
    return -mixture.score_samples(image.reshape(-1, 1)).reshape(image.shape)


class _Cut:
    """The cheapest cut between object and background in a box: its edges are of the image alone."""

    def __init__(self, image: np.ndarray, inside: np.ndarray, gamma: float) -> None:
        self.inside = inside
        self.count = int(inside.sum())
        numbers = np.full(image.shape, -1)
        numbers[inside] = np.arange(self.count)
        pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for down, right, far in STEPS:
            a, b = _shifted(down, right)
            pairs.append((numbers[a], numbers[b], np.stack([(image[a] - image[b]) ** 2, 0 * image[a] + far])))
        squares = np.concatenate([own[2][0].ravel() for own in pairs])
        beta = 1 / max(2 * float(squares.mean()), 1e-9)
        here, there, weight = (
            np.concatenate([own[k].reshape(*own[k].shape[:-2], -1) for own in pairs], -1) for k in range(3)
        )
        weight = np.rint(FINE * gamma * np.exp(-beta * weight[0]) / weight[1]).astype(np.int64)
        both = (here >= 0) & (there >= 0)
        self.edges = (here[both], there[both], weight[both])
        # neighbours beyond the box are background
        self.beyond = np.zeros(self.count, np.int64)
        for own, other in ((here, there), (there, here)):
            rim = (own >= 0) & (other < 0)
            np.add.at(self.beyond, own[rim], weight[rim])

    def __call__(self, of_object: np.ndarray, of_background: np.ndarray, marked: np.ndarray) -> np.ndarray:
        """Return the mask for the costs (H, W) of both sides."""
        inside, count = self.inside, self.count
        costs = np.stack([of_object[inside], of_background[inside]])
        costs = np.rint(FINE * np.minimum(costs - costs.min(0), 1e4)).astype(np.int64)
        to_sink, to_source = costs[0] + self.beyond, costs[1]
        own = marked[inside]
        to_source = np.where(own > 0, NEVER, np.where(own < 0, 0, to_source))
        to_sink = np.where(own < 0, NEVER, np.where(own > 0, 0, to_sink))
        source, sink, nodes = count, count + 1, np.arange(count)
        here, there, weight = self.edges
        rows = np.concatenate([here, there, np.full(count, source), nodes])
        columns = np.concatenate([there, here, nodes, np.full(count, sink)])
        values = np.concatenate([weight, weight, to_source, to_sink]).astype(np.int32)
        graph = csr_array((values, (rows, columns)), shape=(count + 2, count + 2))
        left = graph - maximum_flow(graph, source, sink).flow
        left.data = np.maximum(left.data, 0)
        left.eliminate_zeros()
        reached = breadth_first_order(left, source, return_predecessors=False)
        found = np.zeros(count + 2, bool)
        found[reached] = True
        mask = np.zeros(inside.shape, bool)
        mask[inside] = found[:count]
        return mask


def _shifted(down: int, right: int) -> Sequence[tuple[slice, slice]]:
    """Return where pixels and their neighbours lie in an image."""
    if right < 0:
        return (slice(None, -down), slice(-right, None)), (slice(down, None), slice(None, right))
    return (slice(None, -down or None), slice(None, -right or None)), (slice(down, None), slice(right, None))
