"""What a network costs (Tables 1 to 3): weights, operations of an image by PyTorch's counter, and seconds."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mlmi2023.papers.sppnet.model import FINER
from mlmi2023.papers.sppnet.networks import build
from mlmi2023.papers.sppnet.seen import Seen

WARM_UP = 2


def counted(net: Mapping[str, Any], size: int) -> dict[str, int]:
    """Return the number of weights and of multiplications of one image, without computing either.

    PyTorch counts a multiplication and its addition as two operations; the printed numbers are of pairs.

    Args:
        net: the network's options.
        size: rows and columns of its masks.
    """
    own = {key: value for key, value in net.items() if key != "pretrained"}
    with torch.device("meta"):
        made = build(own, size).to("meta").eval().requires_grad_(False)
        seen = Seen(
            torch.zeros(1, 3, FINER * size, FINER * size),
            torch.zeros(1, 3, size, size),
            torch.zeros(1, 2, 2),
            torch.zeros(1, 2, dtype=torch.long),
        )
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            made(seen)
    weights = sum(p.numel() for p in made.parameters())
    return {"weights": weights, "multiplications": int(counter.get_total_flops()) // 2}


def seconds_of(net: nn.Module, seen: Sequence[Seen], device: torch.device) -> list[float]:
    """Return the seconds that a network needs for each image, after some that are not counted.

    Args:
        net: ready to be used.
        seen: of one image each.
        device: where all are.
    """
    found = []
    with torch.inference_mode():
        for own in seen[:WARM_UP]:
            net(own)
        for own in seen:
            start = _now(device)
            net(own)
            found.append(_now(device) - start)
    return found


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
