"""Optimisation on one pair at test time: of the network (Eq. 2, Sect. 2.2) or of the field (Eq. 1).

No label is seen, and the number of iterations is fixed. Each pair starts from the trained weights, so that
the order of pairs changes nothing.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.nets.registration.lapirn import LapIRN
from mlmi2023.papers.nio_reg.objective import Deformation, Objective
from mlmi2023.training.loop.optimisers import adam

SEED = 20230  # of the random sampling points: the same for every pair


def refine_network(
    net: LapIRN,
    start: Mapping[str, Tensor],
    pair: tuple[Tensor, Tensor],
    objective: Objective,
    iterations: Sequence[int],
    rate: float,
    deformation: Deformation,
) -> Tensor:
    """Adapt a pyramid to a pair and return its field (NIO; NIO_m where coarse levels have iterations).

    Stage i optimises the weights of levels 1 to i for ``iterations[i - 1]`` steps of Adam on the loss of
    level i; a new stage begins with a new state of Adam.

    Args:
        net: the network; its weights are replaced.
        start: the trained weights, theta_0; they stay as they are.
        pair: moving and fixed image, (1, 1, X, Y, Z) each.
        objective: the loss.
        iterations: steps of each level, coarsest first.
        rate: Adam's learning rate.
        deformation: the model of the field.

    Returns:
        (1, 3, X, Y, Z) in voxels.
    """
    if len(iterations) != len(net.levels):
        raise InputError(
            f"config key iterations has {len(iterations)} numbers, the pyramid {len(net.levels)} levels; "
            "give one each, coarsest first"
        )
    net.load_state_dict(start)
    net.train().requires_grad_(True)
    random = torch.Generator().manual_seed(SEED)
    moving, fixed = pair
    for depth, count in enumerate(iterations, start=1):
        weights = [p for level in net.levels[:depth] for p in level.parameters()]
        optimiser = adam(weights, lr=rate)
        for _ in range(count):
            place = deformation.place(tuple(fixed.shape[2:]), fixed.device, random)
            u = deformation.smooth(net.fields(moving, fixed, depth=depth)[-1])
            optimiser.zero_grad()
            objective(u, moving, fixed, place).backward()
            optimiser.step()
    with torch.no_grad():
        return deformation.smooth(net(moving, fixed))


def refine_field(
    u: Tensor,
    pair: tuple[Tensor, Tensor],
    objective: Objective,
    iterations: int,
    rate: float,
    deformation: Deformation,
) -> Tensor:
    """Improve a field by Adam on its own values (IO).

    Args:
        u: (1, 3, X, Y, Z) in voxels, where it begins: what the network says.
        pair: moving and fixed image, (1, 1, X, Y, Z) each.
        objective: the loss.
        iterations: steps.
        rate: Adam's learning rate, in voxels.
        deformation: the model of the field.

    Returns:
        (1, 3, X, Y, Z) in voxels.
    """
    own = u.detach().clone().requires_grad_(True)
    optimiser = adam([own], lr=rate)
    random = torch.Generator().manual_seed(SEED)
    moving, fixed = pair
    for _ in range(iterations):
        place = deformation.place(tuple(fixed.shape[2:]), fixed.device, random)
        optimiser.zero_grad()
        objective(deformation.smooth(own), moving, fixed, place).backward()
        optimiser.step()
    return deformation.smooth(own.detach())
