"""What more inputs cost: weights, and what one volume leaves in memory for the backward pass."""

from pathlib import Path

import torch
from torch import nn

from mlmi2023.core.files import read_json
from mlmi2023.nets.memory import kept_bytes


def kept_for_backward(net: nn.Module, channels: int, size: tuple[int, ...]) -> float:
    """Return the MB that one volume leaves for the backward pass, weights not counted.

    Args:
        net: on its device.
        channels: of the volume.
        size: of the volume.
    """
    device = next(net.parameters()).device
    return kept_bytes(net, torch.zeros(1, channels, *size, device=device)) / 2**20


def of_training(weights: Path | None) -> dict[str, float]:
    """Return samples a second and the process's largest memory, MB, as the training has measured them."""
    file = weights.with_name("train.json") if weights is not None else None
    if file is None or not file.is_file():
        return {}
    report = read_json(file)
    names = {"samples_per_second": "speed", "peak_memory_mb": "memory"}
    return {ours: float(report[key]) for key, ours in names.items() if key in report}
