"""A network with its decision module, and the networks of all folds side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mlmi2023.papers.prostate_cancer_ms.dpm import DecisionModule, within


class Answer(NamedTuple):
    """What a detector says of slices.

    Attributes:
        logits: (B, classes, H, W), the answer.
        sides: the same of each side output, of networks that have some.
        coarse: logits of the decision module, fine to coarse.
    """

    logits: Tensor
    sides: list[Tensor]
    coarse: list[Tensor]


class Detector(nn.Module):
    """A network of one fold, and behind it the decision module.

    Args:
        net: (B, channels, H, W) -> logits, or several of them, the answer first.
        classes: of the answer.
        size: rows and columns.
        layers: of the decision module; 0: without it.
    """

    def __init__(self, net: nn.Module, classes: int, size: Sequence[int], layers: int = 0) -> None:
        super().__init__()
        self.net = net
        self.dpm = DecisionModule(classes, size, layers) if layers else None

    def forward(self, image: Tensor) -> Answer:
        """Return the answer for slices (B, channels + 1, H, W), whose last channel is the gland."""
        found = self.net(image[:, :-1])
        logits, *sides = [found] if isinstance(found, Tensor) else found
        coarse = []
        if self.dpm is not None:
            coarse = self.dpm(within(logits.float().softmax(1), image[:, -1:]))
        return Answer(logits, sides, coarse)


class Members(nn.Module):
    """The networks of all folds.

    Args:
        members: one a fold.
    """

    def __init__(self, members: Sequence[Detector]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, image: Tensor) -> Tensor:
        """Return the mean of their probabilities, (B, classes, H, W); outside the gland all is normal."""
        chances = torch.stack([member(image).logits.float().softmax(1) for member in self.members]).mean(0)
        return within(chances, image[:, -1:])
