"""The cyclic rate of training (Sect. 2.2), beside the trunk's rates."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from mlmi2023.core.options import options
from mlmi2023.papers.unoranic.options import Train
from mlmi2023.training.loop.optimisers import build_optimiser


def triangular2(step: int, half: int, low: float, high: float) -> float:
    """Return the rate of a step (0 is the first): triangles whose height halves from one to the next.

    Args:
        step: number of the step.
        half: steps of the way up, and of the way down.
        low: rate at the foot.
        high: rate at the first top.
    """
    cycle, within = divmod(step, 2 * half)
    return low + (high - low) * (1 - abs(within / half - 1)) / 2**cycle


def optimiser_of(parameters: Iterable[Any], train: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``configure_optimizers`` returns: the trunk's, or with ``train.cycle`` its optimiser alone.

    Args:
        parameters: what learns.
        train: the ``train`` slice of the config.
    """
    own = options(Train, dict(train), "config", "train")
    if own.cycle is None:
        return build_optimiser(parameters, train)
    low, high = own.cycle.rates
    half = own.cycle.half * own.epoch_steps
    # at the rate 1, so that the factor of the schedule is the rate itself
    made = build_optimiser(parameters, {**train, "learning_rate": 1.0, "decay": "constant"})
    rate = torch.optim.lr_scheduler.LambdaLR(
        made["optimizer"], lambda step: triangular2(step, half, low, high)
    )
    return {"optimizer": made["optimizer"], "lr_scheduler": {"scheduler": rate, "interval": "step"}}
