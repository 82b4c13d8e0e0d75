"""Optimiser and learning rate over time, from the ``train`` slice of a config.

================  ==========================================================================================
key               what it means
================  ==========================================================================================
optimiser         ``adam`` (default), ``adamw`` or ``sgd``
learning_rate     highest rate
weight_decay      default 0; with ``adam`` and ``sgd`` it is an L2 term of the gradient
momentum          of ``sgd``, default 0.9; ``nesterov: true`` as well
betas             of ``adam`` and ``adamw``, default [0.9, 0.999]
decay             ``constant`` (default), ``poly``, ``cosine``, or ``step``
power             of ``poly``, default 0.9: rate * (1 - t)^power, with t the share of steps done
floor             of ``cosine``: share of the rate at the end, default 0
milestones        of ``step``: shares of all steps after each of which the rate is multiplied by ``gamma``
gamma             of ``step``, default 0.1
warmup            steps in which the rate rises in a straight line, default 0; t counts after them
================  ==========================================================================================
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest


def adam(
    parameters: Iterable[Any], kind: type[torch.optim.Adam] = torch.optim.Adam, **keys: Any
) -> torch.optim.Adam:
    """Return Adam (or AdamW) in its fused form on a CPU, where many small tensors make a step slow otherwise.

    Args:
        parameters: tensors or parameter groups.
        kind: ``torch.optim.Adam`` or ``torch.optim.AdamW``.
        keys: rate and the like.
    """
    groups = list(parameters)
    tensors = [p for group in groups for p in (group["params"] if isinstance(group, dict) else [group])]
    on_cpu = all(p.device.type == "cpu" for p in tensors)
    return kind(groups, fused=True if on_cpu else None, **keys)


OPTIMISERS = ("adam", "adamw", "sgd")
DECAYS = ("constant", "poly", "cosine", "step")


def rate_factor(train: Mapping[str, Any], step: int) -> float:
    """Return what the learning rate is multiplied by at ``step`` (0 is the first).

    Raises:
        InputError: ``decay`` is unknown.
    """
    warmup, total = int(train.get("warmup", 0)), int(train["steps"])
    if step < warmup:
        return (step + 1) / warmup
    decay = train.get("decay", "constant")
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    if decay == "constant":
        return 1.0
    if decay == "poly":
        return (1 - done) ** float(train.get("power", 0.9))
    if decay == "cosine":
        floor = float(train.get("floor", 0.0))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))
    if decay == "step":
        passed = sum(done >= float(share) for share in train.get("milestones", ()))
        return float(train.get("gamma", 0.1)) ** passed
    raise InputError(f"config key train.decay is {decay!r}{suggest(str(decay), list(DECAYS))}")


def build_optimiser(parameters: Iterable[Any], train: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a module's ``configure_optimizers`` returns, with the rate set at every step.

    Args:
        parameters: tensors or parameter groups.
        train: the ``train`` slice of the config.

    Raises:
        InputError: ``optimiser`` or ``decay`` is unknown.
    """
    name = train.get("optimiser", "adam")
    shared: dict[str, Any] = {
        "lr": float(train["learning_rate"]),
        "weight_decay": float(train.get("weight_decay", 0.0)),
    }
    optimiser: torch.optim.Optimizer
    if name == "sgd":
        momentum, nesterov = float(train.get("momentum", 0.9)), bool(train.get("nesterov", False))
        optimiser = torch.optim.SGD(parameters, momentum=momentum, nesterov=nesterov, **shared)
    elif name in ("adam", "adamw"):
        kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
        betas = tuple(float(b) for b in train.get("betas", (0.9, 0.999)))
        optimiser = adam(parameters, kind, betas=betas, **shared)
    else:
        raise InputError(f"config key train.optimiser is {name!r}{suggest(str(name), list(OPTIMISERS))}")
    rate_factor(train, 0)  # an unknown decay is said here, not in the middle of a run
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_factor(train, step))
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": decay, "interval": "step"}}
