"""Time per training iteration (Sect. 4.1): network, warp, loss, gradient and optimiser step on one pair.

In float32, as in the paper, whatever the precision that networks are trained with here.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.nets.registration.builders import build_registration_net
from mlmi2023.papers.implicit_reg.losses import build_regularizer
from mlmi2023.papers.implicit_reg.objective import Objective

WARM_UP, MEASURED = 2, 6


def time_iterations(
    options: Mapping[str, Any],
    task: dict[str, Any],
    packed: Packed,
    pair: tuple[int, int],
    device: torch.device,
) -> list[float]:
    """Return milliseconds of some iterations of a fresh network with the method's first regulariser.

    Data lie on the device already. On a GPU each iteration is waited for.

    Args:
        options: the method's ``net`` and ``regularisers``.
        task: of the dataset.
        packed: the cohort.
        pair: rows of the moving and the fixed image, with labels if the loss takes them.
        device: where to train.
    """
    net = build_registration_net(options["net"], packed.shape).to(device)
    regularize, objective = build_regularizer(options["regularisers"][0]), Objective(task, packed)
    moving, fixed = (
        torch.from_numpy(np.asarray(packed.images(task[role])[row], np.float32))[None, None].to(device)
        for role, row in zip(("moving", "fixed"), pair)
    )
    maps = None
    if objective.dice and packed.labels is not None:
        first, second = (
            torch.from_numpy(np.array(packed.labels[row]))[None, None].to(device, torch.int16) for row in pair
        )
        maps = first, second
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-6, amsgrad=True)
    times = []
    for _ in range(WARM_UP + MEASURED):
        _wait(device)
        start = time.perf_counter()
        optimiser.zero_grad()
        loss = objective(net(moving, fixed), (moving, fixed), maps, regularize)
        loss.backward()
        optimiser.step()
        _wait(device)
        times.append(1000 * (time.perf_counter() - start))
    return times[WARM_UP:]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
