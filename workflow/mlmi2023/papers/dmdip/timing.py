"""How long one pair of slices takes, fitted one by one as in the paper (text of Sect. 2.1)."""

import time
from typing import Any

import torch

from mlmi2023.papers.dmdip.slices import Slices
from mlmi2023.papers.dmdip.train import Fit, deal

WARM = 3


def minutes_per_pair(slices: Slices, options: dict[str, Any], iterations: int, device: torch.device) -> float:
    """Return the minutes of ``iterations`` for the first slice in all its modalities, one network at a time.

    A few iterations are timed; the rest take as long. Nothing is kept of them.

    Args:
        slices: the data.
        options: the method's; ``timed`` is the number of iterations to time.
        iterations: of a whole fit.
        device: where.
    """
    timed = int(options["timed"])
    train = {"steps": WARM + timed, "epoch_steps": WARM + timed, "learning_rate": 0.01}
    total = 0.0
    first = [g for g in deal(slices, options["modalities"], 1) if g[0].slice == 0]
    for group in [g for g in first if g[0].factor == first[0][0].factor]:
        fit = Fit(slices, [group], options, train, 0).to(device)
        fit.log = lambda *args, **kwargs: None  # type: ignore[method-assign]
        optimiser = fit.configure_optimizers()
        fit.open(0, fresh=True)
        start = 0.0
        for step in range(WARM + timed):
            if step == WARM:
                start = now(device)
            loss = fit.training_step(None, step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        total += (now(device) - start) / timed * iterations / 60
    return total


def now(device: torch.device) -> float:
    """Return the time in seconds once the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
