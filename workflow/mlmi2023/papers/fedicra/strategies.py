"""What of a network is shared and what stays at a site, by strategy; states and their averages.

============  =============================  =======================  ======================================
strategy      from the server, every round   at the site              what is tested at a site
============  =============================  =======================  ======================================
``fedavg``    everything                     nothing                  the server's network, the site's code
``fedprox``   everything                     nothing                  the same
``fedbn``     all but batch norms            batch norms              the server's with own batch norms
``fedap``     an average of its own          batch norms              that average with own batch norms
``fedrep``    encoder (phi)                  decoder (theta)          the site's, after its last steps
``aa``        encoder; decoder for Eq. 3     decoder and W            the same
``metafed``   the neighbour's network        its own                  the same
``local``     nothing                        everything               the same
``central``   everything; one site has all   nothing                  the server's network
============  =============================  =======================  ======================================

In the first round everything comes from the server, so that all sites begin alike.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

State = dict[str, Tensor]
#: strategies under which the server's network is tested
GLOBAL = ("fedavg", "fedprox", "central")
#: strategies whose sites take the server's answer before they are tested
CLOSED = ("fedbn", "fedap")
#: strategies with a message for each site
OWN_MESSAGES = ("fedap", "metafed")


def state_of(net: nn.Module) -> State:
    """Return a copy of all weights and statistics."""
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def norms_of(net: nn.Module) -> set[str]:
    """Return the names of all entries of batch norms."""
    return {
        f"{name}.{key}"
        for name, part in net.named_modules()
        if isinstance(part, nn.BatchNorm2d)
        for key in part.state_dict()
    }


def is_head(name: str) -> bool:
    """Whether an entry is of theta, the decoder."""
    return name.startswith("decoder.")


def shared(strategy: str, net: nn.Module) -> list[str]:
    """Return the names of what a site takes over from its message as it is, after the first round."""
    names = list(net.state_dict())
    if strategy in ("fedavg", "fedprox", "central"):
        return names
    if strategy in ("fedbn", "fedap"):
        norms = norms_of(net)
        return [name for name in names if name not in norms]
    if strategy in ("fedrep", "aa"):
        return [name for name in names if not is_head(name)]
    return []


def take(net: nn.Module, state: Mapping[str, Tensor], names: Sequence[str]) -> None:
    """Copy entries of a state into a network."""
    own = net.state_dict()
    with torch.no_grad():
        for name in names:
            own[name].copy_(state[name])


def average(states: Sequence[Mapping[str, Tensor]], weights: Sequence[float]) -> State:
    """Return the weighted mean of states, entry by entry; counters are those of the first."""
    total = sum(weights)
    found = {}
    for name, first in states[0].items():
        if first.is_floating_point():
            parts = [state[name] * (weight / total) for state, weight in zip(states, weights)]
            found[name] = torch.stack(parts).sum(0)
        else:
            found[name] = first.clone()
    return found


def is_finite(state: Mapping[str, Tensor]) -> bool:
    """Whether all entries are numbers."""
    return all(bool(value.isfinite().all()) for value in state.values() if value.is_floating_point())


def likeness(states: Sequence[Mapping[str, Tensor]], kept: float) -> Tensor:
    """Return FedAP's weights (K, K): row k is how much site k takes of each.

    Sites are as far apart as the Gaussians that their batch norms have gathered: the sum over layers of the
    distances of means and of deviations. A site keeps ``kept`` of itself, and others
    share the rest by 1 / distance.
    """
    count = len(states)
    if count == 1:
        return torch.ones(1, 1)
    away = torch.zeros(count, count, dtype=torch.float64)
    means = [name for name in states[0] if name.endswith("running_mean")]
    for i in range(count):
        for j in range(count):
            for name in means:
                spread = name.replace("running_mean", "running_var")
                apart = (states[i][name] - states[j][name]).double().square().sum()
                apart = apart + (states[i][spread].sqrt() - states[j][spread].sqrt()).double().square().sum()
                away[i, j] += apart.sqrt().cpu()
    near = 1 / away.clamp_min(1e-12)
    near.fill_diagonal_(0)
    found = (1 - kept) * near / near.sum(1, keepdim=True)
    return (found + kept * torch.eye(count, dtype=torch.float64)).float()
