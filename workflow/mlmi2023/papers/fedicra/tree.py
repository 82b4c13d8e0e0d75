"""The multi-scale recursive tree energy (Eqs. 6 and 7): pseudo-labels by filtering along spanning trees.

A minimum spanning tree joins the pixels of a coarse grid along small differences of features. Two pixels are
as alike as the way between them on the tree is short, A_ij = exp(-D_ij / sigma). Such a filter takes two
passes over the tree, leaves to root and back: with a_i the affinity of pixel i and its parent,

    up    s_i = P_i + sum of a_c s_c over children c
    down  z_i = (1 - a_i^2) s_i + a_i z_parent

Both passes are triangular systems in breadth-first order, so one sparse solve each does all images at once.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.sparse.linalg import splu
from torch import Tensor

from mlmi2023.papers.fedicra.options import Tree

#: keeps edges between equal pixels, which a sparse matrix would drop
LEAST = 1e-9


@dataclass(frozen=True)
class Forest:
    """Spanning trees of a batch, as one tree whose links between images carry nothing.

    Attributes:
        order: pixels of all images, parents before children.
        up: place in ``order`` of each pixel's parent, in that order; the first one is the root.
        affinity: of each pixel and its parent, in that order; 0 of an image's root.
    """

    order: np.ndarray
    up: np.ndarray
    affinity: np.ndarray

    @cached_property
    def _passes(self) -> Any:
        count = len(self.order)
        children = np.arange(1, count)
        links = sparse.csc_matrix(
            (-self.affinity[1:], (self.up[1:], children)), shape=(count, count), dtype=np.float64
        )
        return splu(
            (links + sparse.identity(count, format="csc")).tocsc(),
            permc_spec="NATURAL",
            diag_pivot_thresh=0.0,
            options={"Equil": False},
        )

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over all pixels j of the same image of A_ij values_j, (n, columns)."""
        summed = self._passes.solve(values[self.order].astype(np.float64))
        found = np.empty_like(summed)
        found[self.order] = self._passes.solve((1 - self.affinity**2)[:, None] * summed, trans="T")
        return found


def spanning_forest(features: np.ndarray, scale: float) -> Forest:
    """Return the minimum spanning trees of images of features.

    Args:
        features: (B, C, H, W); an edge's length is the squared difference of two neighbours.
        scale: sigma; affinities are exp(-length / sigma).
    """
    batch, _, height, width = features.shape
    numbers = np.arange(batch * height * width).reshape(batch, height, width)
    right = np.square(np.diff(features, axis=3)).sum(1)
    down = np.square(np.diff(features, axis=2)).sum(1)
    one = np.concatenate([numbers[:, :, :-1].ravel(), numbers[:, :-1].ravel()])
    other = np.concatenate([numbers[:, :, 1:].ravel(), numbers[:, 1:].ravel()])
    lengths = np.concatenate([right.ravel(), down.ravel()]).astype(np.float64) + LEAST
    graph = sparse.csr_matrix((lengths, (one, other)), shape=(numbers.size, numbers.size))
    tree = minimum_spanning_tree(graph)
    roots = numbers[:, 0, 0]
    links = sparse.csr_matrix((np.ones(batch - 1), (roots[:-1], roots[1:])), shape=tree.shape)
    order, parents = breadth_first_order(tree + links, 0, directed=False)
    place = np.empty(numbers.size, np.int64)
    place[order] = np.arange(numbers.size)
    parent = np.where(parents < 0, 0, parents)[order]
    flat = features.transpose(0, 2, 3, 1).reshape(numbers.size, -1).astype(np.float64)
    affinity = np.exp(-np.square(flat[order] - flat[parent]).sum(1) / scale)
    affinity[np.isin(order, roots)] = 0.0
    return Forest(order, place[parent], affinity)


class _Sums(torch.autograd.Function):
    """Sums along trees; the filter is symmetric, so gradients go through it in the same way."""

    @staticmethod
    def forward(ctx: Any, chances: Tensor, forest: Forest) -> Tensor:
        ctx.forest = forest
        return _along(chances, forest)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _along(grads[0], ctx.forest), None


def _along(values: Tensor, forest: Forest) -> Tensor:
    """Return the sums of (B, K, H, W), pixel by pixel."""
    pixels = values.detach().movedim(1, -1)
    found = forest.apply(pixels.reshape(-1, pixels.shape[-1]).cpu().numpy())
    return torch.from_numpy(found).to(values).view(pixels.shape).movedim(-1, 1)


def filtered(chances: Tensor, features: Tensor, scale: float) -> Tensor:
    """Return F(P, A): for each pixel the mean of all chances of its image, weighted by affinity.

    Args:
        chances: (B, K, H, W); the gradient goes through them.
        features: (B, C, H, W), which make the tree and get no gradient.
        scale: see :func:`spanning_forest`.
    """
    forest = spanning_forest(features.detach().float().cpu().numpy(), scale)
    weight = forest.apply(np.ones((len(forest.order), 1)))
    total = torch.from_numpy(weight).to(chances).view(len(chances), 1, *chances.shape[2:])
    return _Sums.apply(chances, forest) / total


def tree_energy(
    logits: Tensor, image: Tensor, high: tuple[Tensor, Tensor], labelled: Tensor, keys: Tree
) -> Tensor:
    """Return the mean of |P - pseudo-label| over unlabelled pixels (Eq. 7), on the tree's grid.

    Printed with a minus, which would drive predictions and pseudo-labels apart.

    Args:
        logits: (B, K, H, W).
        image: (B, channels, H, W), of A_low.
        high: maps of the decoder's second and third stage, of A_high1 and A_high2.
        labelled: (B, H, W), whether a pixel has a label.
        keys: grid and scales.
    """
    grid = (min(keys.grid, logits.shape[-2]), min(keys.grid, logits.shape[-1]))
    chances = F.adaptive_avg_pool2d(logits.softmax(1), grid)
    free = F.adaptive_max_pool2d(labelled.float()[:, None], grid) == 0
    low = F.adaptive_avg_pool2d(image, grid)
    pseudo = filtered(chances, low, keys.low)
    for features in high:
        resized = F.interpolate(features.detach(), size=grid, mode="bilinear", align_corners=False)
        pseudo = filtered(pseudo, resized, keys.high)
    apart = (chances - pseudo).abs().sum(1, keepdim=True) * free
    return apart.sum() / free.sum().clamp_min(1)
