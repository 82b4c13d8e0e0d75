"""Which recorded output is kept; no rule looks at the truth.

``{rule: last}`` keeps the last one, as the paper does. ``{rule: variance, window: 5}`` keeps the output at
which the last outputs differ least from each other (windowed moving variance, Wang et al., Early Stopping for
Deep Image Prior, 2021): a fit settles before it picks up noise, and varies again while it does.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError

RULES = ("last", "variance")


class Stop(nn.Module):
    """The rule for a bank of N networks; its state is part of the checkpoint.

    Args:
        options: the method's ``stop``.
        shape: (N, M, H, W) of a bank's outputs.
    """

    recent: Tensor
    least: Tensor

    def __init__(self, options: Mapping[str, Any], shape: tuple[int, ...]) -> None:
        super().__init__()
        self.rule, window = options.get("rule", "last"), int(options.get("window", 5))
        if self.rule not in RULES:
            raise InputError(f"config key stop.rule is {self.rule!r}; choose {', '.join(RULES)}")
        if window < 2:
            raise InputError(f"config key stop.window is {window}; a variance takes two outputs or more")
        kept = window if self.rule == "variance" else 0
        self.register_buffer("recent", torch.zeros(kept, *shape))
        self.register_buffer("least", torch.full(shape[:2], torch.inf))

    def restart(self) -> None:
        """Forget all outputs: another group of slices begins."""
        self.recent.zero_()
        self.least.fill_(torch.inf)

    def keep(self, output: Tensor, number: int) -> Tensor:
        """Return which images of this output replace those kept before.

        Args:
            output: (N, M, H, W).
            number: recordings of this group before this one.

        Returns:
            (N, M) bool.
        """
        if self.rule == "last":
            return torch.ones_like(self.least, dtype=torch.bool)
        window = len(self.recent)
        self.recent[number % window] = output
        if number + 1 < window:  # until there is a variance, the newest counts
            return torch.ones_like(self.least, dtype=torch.bool)
        variance = self.recent.var(0, correction=0).mean((2, 3))
        better = variance < self.least
        self.least = torch.where(better, variance, self.least)
        return better
