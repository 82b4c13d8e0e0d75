"""Time per training iteration (Sect. 4.1): network, warp, loss, gradient and optimiser step on one pair.

In float32, as in the paper, whatever the precision that networks are trained with here.
"""

import time
from collections.abc import Mapping
from typing import Any

import torch

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.nets.registration.builders import build_registration_net
from mlmi2023.papers.implicit_reg.losses import build_regularizer
from mlmi2023.tasks.registration.measures import structures
from mlmi2023.tasks.registration.objective import Objective
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.training.loop.optimisers import adam

WARM_UP, MEASURED = 2, 6


def time_iterations(
    options: Mapping[str, Any],
    task: Mapping[str, Any],
    packed: Packed,
    pair: Pair,
    device: torch.device,
) -> list[float]:
    """Return milliseconds of some iterations of a fresh network with the method's first regulariser.

    Data lie on the device already. On a GPU each iteration is waited for.

    Args:
        options: the method's ``net`` and ``regularisers``.
        task: of the dataset.
        packed: the cohort.
        pair: the images, with labels if the loss takes them.
        device: where to train.
    """
    net = build_registration_net(options["net"], packed.shape).to(device)
    regularize = build_regularizer(options["regularisers"][0])
    objective = Objective(task["loss"], packed, structures(packed, task))
    rows, volumes = ([pair.moving], [pair.fixed]), Volumes(packed, task["moving"], task["fixed"])
    images = volumes.images(*rows, device)
    maps = volumes.maps(*rows, device) if objective.dice and packed.labels is not None else None
    optimiser = adam(net.parameters(), lr=1e-6, amsgrad=True)
    times = []
    for _ in range(WARM_UP + MEASURED):
        _wait(device)
        start = time.perf_counter()
        optimiser.zero_grad()
        loss = objective(net(*images), images, maps, regularize)
        loss.backward()
        optimiser.step()
        _wait(device)
        times.append(1000 * (time.perf_counter() - start))
    return times[WARM_UP:]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
