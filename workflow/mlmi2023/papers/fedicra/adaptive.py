"""Adaptive aggregation of the head (Eqs. 3 and 4): element by element between the site's and the server's."""

from collections.abc import Callable, Mapping
from statistics import pstdev

import torch
from torch import Tensor, nn

from mlmi2023.papers.fedicra.options import Mixing
from mlmi2023.papers.fedicra.strategies import is_head


class Mix(nn.Module):
    """The weights W of a site, one for each weight of the head, 1 at first."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.places: dict[str, str] = {}
        for number, (name, value) in enumerate(net.named_parameters()):
            if is_head(name):
                self.places[name] = f"w{number}"
                self.register_buffer(f"w{number}", torch.ones_like(value))

    def __getitem__(self, name: str) -> Tensor:
        return getattr(self, self.places[name])  # type: ignore[no-any-return]


def mixed(common: Tensor, own: Tensor, weight: Tensor) -> Tensor:
    """Return theta_g + (theta_i - theta_g) W (Eq. 3)."""
    return common + (own - common) * weight


def aggregate(
    net: nn.Module, common: Mapping[str, Tensor], mix: Mix, keys: Mixing, first: bool,
    loss_of: Callable[[int], Tensor],
) -> int:  # fmt: skip
    """Put the mixed head into a network, whose head is the site's of the round before; return steps.

    Eqs. 3 and 4 take turns: the head is mixed, and W goes down the gradient of the local loss, which by the
    chain rule is the head's times theta_i - theta_g, and is cut to [0, 1]. Statistics of batch norms stay
    the site's.

    Args:
        net: of the site, its encoder already the server's.
        common: the server's state, with theta_g of the round before.
        mix: W; changed.
        keys: how many steps.
        first: it is the second round, in which W is learned until its loss settles.
        loss_of: the local loss of the network as it is, on the site's batch of a number.
    """
    head = {name: value for name, value in net.named_parameters() if is_head(name)}
    own = {name: value.detach().clone() for name, value in head.items()}
    gathered = {name: value.clone() for name, value in net.named_buffers()}
    losses: list[float] = []
    for number in range(keys.first if first else keys.later):
        _put(head, common, own, mix)
        net.zero_grad(set_to_none=True)
        loss = loss_of(number)
        losses.append(float(loss.detach()))
        if not bool(loss.detach().isfinite()):
            break
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for name, value in head.items():
                if value.grad is not None:
                    step = keys.rate * value.grad * (own[name] - common[name])
                    mix[name].sub_(step).clamp_(0, 1)
        if first and len(losses) >= keys.window and pstdev(losses[-keys.window :]) < keys.tolerance:
            break
    _put(head, common, own, mix)
    net.zero_grad(set_to_none=True)
    with torch.no_grad():
        for name, statistic in net.named_buffers():
            statistic.copy_(gathered[name])
    return len(losses)


def _put(
    head: Mapping[str, nn.Parameter], common: Mapping[str, Tensor], own: Mapping[str, Tensor], mix: Mix
) -> None:
    with torch.no_grad():
        for name, value in head.items():
            value.copy_(mixed(common[name], own[name], mix[name]))
