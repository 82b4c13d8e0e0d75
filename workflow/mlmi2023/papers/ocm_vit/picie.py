"""PiCIE (Cho et al. 2021): clusters of pixels that neither light nor geometry changes."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.ocm_vit.cases import CHANNELS
from mlmi2023.papers.ocm_vit.options import Pyramid


class Basic(nn.Module):
    """Two 3 x 3 convolutions around a skip (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.skip = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H / stride, W / stride)."""
        return F.relu(self.body(x) + self.skip(x))


class PicieNet(nn.Module):
    """A residual network with a feature pyramid, and two sets of cluster centres, one for each view.

    Args:
        keys: sizes.
        clusters: how many.
    """

    centres: Tensor

    def __init__(self, keys: Pyramid, clusters: int) -> None:
        super().__init__()
        first = keys.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(CHANNELS, first, 3, min(keys.stem, 2), 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
            nn.MaxPool2d(3, 2, 1) if keys.stem == 4 else nn.Identity(),
        )  # fmt: skip
        stages, inputs = [], first
        for number, width in enumerate(keys.widths):
            blocks = [Basic(inputs, width, 2 if number else 1)]
            blocks += [Basic(width, width, 1) for _ in range(keys.blocks - 1)]
            stages.append(nn.Sequential(*blocks))
            inputs = width
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(nn.Conv2d(width, keys.width, 1) for width in keys.widths)
        self.register_buffer("centres", torch.zeros(2, clusters, keys.width))

    def features(self, image: Tensor) -> Tensor:
        """Return unit features (B, D, h, w) at the stem's resolution: the sum of all stages' maps."""
        x, maps = self.stem(image), []
        for stage, lateral in zip(self.stages, self.lateral):
            x = stage(x)
            maps.append(lateral(x))
        size = maps[0].shape[2:]
        found = [F.interpolate(m, size=size, mode="bilinear", align_corners=False) for m in maps[1:]]
        return F.normalize(sum(found, start=maps[0]), dim=1)

    def likeness(self, features: Tensor, view: int) -> Tensor:
        """Return minus the squared distances (B, K, h, w) of unit features to the centres of a view."""
        centres = self.centres[view]
        dots = torch.einsum("bdhw,kd->bkhw", features, centres)
        return 2 * dots - (centres * centres).sum(1).view(1, -1, 1, 1) - 1

    def forward(self, image: Tensor) -> Tensor:
        """Return likenesses to the clusters of the first view (B, K, H, W), at the size of the image."""
        found = self.likeness(self.features(image), 0)
        return F.interpolate(found, size=image.shape[2:], mode="bilinear", align_corners=False)


def view_losses(likeness: Sequence[Sequence[Tensor]], labels: Sequence[Tensor]) -> Tensor:
    """Return the mean of the losses within views and across them; clusters count alike, whatever their size.

    Args:
        likeness: [view][centres] of (B, K, h, w): a view's features to the centres of either.
        labels: of each view, (B, h, w): the nearest of its own centres.
    """
    terms = [balanced(likeness[view][centres], labels[centres]) for view in range(2) for centres in range(2)]
    return torch.stack(terms).mean()


def balanced(likeness: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of labels (B, h, w), each label that there is with the same weight."""
    counts = torch.bincount(labels.flatten(), minlength=likeness.shape[1]).to(likeness.dtype)
    weight = torch.where(counts > 0, 1 / counts.clamp_min(1), torch.zeros_like(counts))
    return F.cross_entropy(likeness, labels, weight=weight)


def clustered(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Return centres (K, D) of features (n, D), by k-means in small batches."""
    from sklearn.cluster import MiniBatchKMeans

    found = MiniBatchKMeans(clusters, random_state=seed, n_init=3, batch_size=1024).fit(features)
    return found.cluster_centers_.astype(np.float32)  # type: ignore[no-any-return]


def matched(centres: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Return centres (K, D) in the order in which they are nearest to others, pair by pair."""
    from scipy.optimize import linear_sum_assignment

    apart = ((centres[None] - to[:, None]) ** 2).sum(-1)
    return centres[linear_sum_assignment(apart)[1]]


def agreement(first: Tensor, second: Tensor, clusters: int) -> float:
    """Return the mutual information of two labellings over their mean entropy: from 0, chance, to 1.

    A labelling that is the same everywhere says nothing: 0.
    """
    joint = torch.bincount(first.flatten() * clusters + second.flatten(), minlength=clusters**2).double()
    joint = joint.view(clusters, clusters) / joint.sum()
    rows, columns = joint.sum(1), joint.sum(0)

    def entropy(p: Tensor) -> float:
        return float(-(p[p > 0] * p[p > 0].log()).sum())

    mean = (entropy(rows) + entropy(columns)) / 2
    return (entropy(rows) + entropy(columns) - entropy(joint.flatten())) / mean if mean > 1e-12 else 0.0
