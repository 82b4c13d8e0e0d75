"""What all networks share that take any subset of modalities: encoders see what is there, nothing else."""

import abc
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

#: features of each level, (n, C, *grid): of the n images that are there
Levels = list[Tensor]


class Answer(NamedTuple):
    """What a network says of B patients.

    Attributes:
        logits: (B, classes, *size).
        fused: the coarsest level, all modalities together, (B, C, *grid).
        each: means over the grid of the coarsest level of every image that is there, (n, C).
        where: patient and modality of these, (n, 2).
        means: of the Gaussians of each level (U-HVED).
        logvars: the logarithms of their variances.
        images: of all modalities as decoded, (B, M, *size).
    """

    logits: Tensor
    fused: Tensor
    each: Tensor
    where: Tensor
    means: Sequence[Tensor] = ()
    logvars: Sequence[Tensor] = ()
    images: Tensor | None = None


class Agnostic(nn.Module, abc.ABC):
    """A network of several encoders and one decoder; ``encode`` and ``decode`` are the subclass's."""

    @abc.abstractmethod
    def encode(self, images: Tensor, present: Tensor) -> tuple[Levels, Tensor]:
        """Return features of the images that are there, and patient and modality of each.

        Args:
            images: (B, M, *size).
            present: (B, M) bool; where it is false, what the image holds is never looked at.
        """

    @abc.abstractmethod
    def decode(self, levels: Levels, where: Tensor, count: int) -> Answer:
        """Return the answer for ``count`` patients."""

    def forward(self, images: Tensor, present: Tensor) -> Answer:
        """Return the answer for images (B, M, *size) of which ``present`` (B, M) are there."""
        levels, where = self.encode(images, present)
        return self.decode(levels, where, len(images))

    def subsets(self, images: Tensor, present: Tensor) -> Tensor:
        """Return logits (S, classes, *size) of one patient for S subsets of the modalities.

        Each image goes through its encoder once.

        Args:
            images: (M, *size).
            present: (S, M) bool.
        """
        levels, where = self.encode(images[None], present.any(0)[None])
        place = torch.full((present.shape[1],), -1, device=images.device)
        place[where[:, 1]] = torch.arange(len(where), device=images.device)
        wanted = present.nonzero()
        chosen = place[wanted[:, 1]]
        return self.decode([level[chosen] for level in levels], wanted, len(present)).logits


def gathered(present: Tensor) -> list[Tensor]:
    """Return, for each modality, the patients who have it."""
    return [present[:, number].nonzero()[:, 0] for number in range(present.shape[1])]


def places(rows: list[Tensor]) -> Tensor:
    """Return patient and modality (n, 2) of images that stand modality by modality."""
    return torch.cat([torch.stack([own, torch.full_like(own, m)], 1) for m, own in enumerate(rows)])


def added(level: Tensor, where: Tensor, count: int) -> Tensor:
    """Return the sum of each patient's features, (count, C, *grid)."""
    return level.new_zeros((count, *level.shape[1:])).index_add(0, where[:, 0], level)


def numbers(where: Tensor, count: int, like: Tensor) -> Tensor:
    """Return how many modalities each patient has, shaped to meet ``like`` (count, C, *grid)."""
    found = torch.bincount(where[:, 0], minlength=count).to(like.dtype)
    return found.view(-1, *([1] * (like.ndim - 1)))
