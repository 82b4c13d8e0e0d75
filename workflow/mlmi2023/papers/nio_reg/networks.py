"""The learned methods by name, and the networks of all groups of a run in one module."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.nets.registration.lapirn import LapIRN, build_lapirn

NETS = ("lapirn", "mpr", "ulae")


def build_network(options: Mapping[str, Any], shape: Sequence[int]) -> nn.Module:
    """Return the network of a method's key ``net``, ``net(moving, fixed) -> displacement`` in voxels.

    Raises:
        InputError: an unknown kind or option.
    """
    kind = options.get("kind")
    if kind == "lapirn":
        return build_lapirn(options, shape)
    if kind == "mpr":
        from mlmi2023.papers.nio_reg.mpr import build_mpr

        return build_mpr(options, shape)
    if kind == "ulae":
        from mlmi2023.papers.nio_reg.ulae import build_ulae

        return build_ulae(options, shape)
    raise InputError(f"config key methods.<method>.net.kind is {kind!r}; choose {', '.join(NETS)}")


def level_count(net: nn.Module) -> int:
    """Return how many levels are trained one after the other: those of a pyramid, 1 for other networks."""
    return len(net.levels) if isinstance(net, LapIRN) else 1


class Kept(nn.Module):
    """The best weights of each group's network so far, and how good they were on its validation pairs.

    Attributes:
        nets: as many networks as groups.
        scores: (G,) float32, higher is better; NaN before the first.
    """

    scores: Tensor

    def __init__(self, net: nn.Module, count: int) -> None:
        """Make ``count`` networks that all start as ``net``."""
        super().__init__()
        self.nets = nn.ModuleList(copy.deepcopy(net) for _ in range(count))
        self.register_buffer("scores", torch.full((count,), float("nan")))

    def keep(self, group: int, live: nn.Module, score: float) -> None:
        """Take over the weights of ``live`` if they are better than what is kept for the group."""
        if not self.scores[group] >= score:
            self.nets[group].load_state_dict(live.state_dict())
            self.scores[group] = score
