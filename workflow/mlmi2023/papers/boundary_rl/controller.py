"""The controller (Sect. 3.2): three convolutions and two dense layers, then a policy and a value."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from torch import Tensor, nn

from mlmi2023.core.errors import InputError

ACTIONS = 4


class Controller(nn.Module):
    """Policy and value of states.

    Args:
        side: pixels of a state's sides.
        channels: of the convolutions.
        kernels: their sizes.
        strides: their strides.
        hidden: of the dense layers.
        where: whether states have a third channel.

    Raises:
        InputError: nothing is left of a state after the convolutions.
    """

    def __init__(
        self,
        side: int,
        channels: Sequence[int] = (32, 64, 64),
        kernels: Sequence[int] = (8, 4, 3),
        strides: Sequence[int] = (4, 2, 1),
        hidden: Sequence[int] = (512, 128),
        where: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, left = 2 + where, side
        for outputs, kernel, stride in zip(channels, kernels, strides):
            layers += [nn.Conv2d(inputs, outputs, kernel, stride), nn.ReLU()]
            inputs, left = outputs, (left - kernel) // stride + 1
        if left < 1:
            raise InputError(
                f"config key net: convolutions of {list(kernels)} at strides of {list(strides)} leave none "
                f"of patches of {side} pixels; lower them"
            )
        self.convolve = nn.Sequential(*layers, nn.Flatten())
        dense: list[nn.Module] = []
        inputs = inputs * left * left
        for outputs in hidden:
            dense += [nn.Linear(inputs, outputs), nn.ReLU()]
            inputs = outputs
        self.dense = nn.Sequential(*dense)
        self.policy, self.value = nn.Linear(inputs, ACTIONS), nn.Linear(inputs, 1)
        self._begin()

    def _begin(self) -> None:
        """Set orthogonal weights, small ones for the policy, so that it begins with all actions alike."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                gain = {self.policy: 0.01, self.value: 1.0}.get(layer, sqrt(2))  # type: ignore[arg-type, call-overload]
                nn.init.orthogonal_(layer.weight, gain)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of actions (B, 4) and values (B,) of states (B, C, P, P) in [0, 1]."""
        x = self.dense(self.convolve(states - 0.5))
        return self.policy(x), self.value(x)[:, 0]


def build(options: Mapping[str, Any], side: int) -> Controller:
    """Return the untrained controller of the key ``net``."""
    return Controller(side, **options)


def drawn(logits: Tensor, lots: Tensor) -> Tensor:
    """Return actions (B,) by draws (B,) in [0, 1): the first whose summed probability exceeds the draw."""
    passed = logits.softmax(1).cumsum(1) <= lots[:, None]
    return passed.sum(1).clamp_max(logits.shape[1] - 1)


def entropy(logits: Tensor) -> Tensor:
    """Return the policy's entropy (B,), nats."""
    log = logits.log_softmax(1)
    return -(log.exp() * log).sum(1)


def log_chance(logits: Tensor, actions: Tensor) -> Tensor:
    """Return the log probability (B,) of actions (B,)."""
    return logits.log_softmax(1).gather(1, actions[:, None])[:, 0]
