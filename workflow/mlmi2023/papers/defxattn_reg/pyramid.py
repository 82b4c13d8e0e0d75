"""LapIRN in training: level after level, under random weights of smoothness (Mok and Chung 2020, 2021)."""

import torch
from torch import Tensor, nn

from mlmi2023.nets.registration.lapirn import LapIRN


class ProgressivePyramid(nn.Module):
    """The pyramid, which in training runs as many levels and hears such a condition as it was told last."""

    def __init__(self, net: LapIRN) -> None:
        """Wrap ``net``; until told otherwise, all its levels train at its own condition."""
        super().__init__()
        self.net = net
        self.depth, self.told = len(net.levels), net.condition

    def begin_step(self, done: float) -> float:
        """Draw the condition of a training step, evenly from [0, 1], and choose its depth.

        Args:
            done: share of the training that is over, in [0, 1); each level gets an equal part of it, the last
                one two.

        Returns:
            Factor on the weight of smoothness: the condition over that of prediction, so that prediction is
            under the weight that the task asks for.
        """
        levels = len(self.net.levels)
        self.depth = min(levels, 1 + int(done * (levels + 1)))
        self.told = torch.rand(1, device="cpu").item()
        return self.told / self.net.condition

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z): of all levels, or in training of those in use."""
        if not self.training:
            return self.net(moving, fixed)
        return self.net.fields(moving, fixed, self.told, self.depth)[-1]
