"""What more inputs cost: weights, and what one volume leaves in memory for the backward pass."""

from pathlib import Path

import torch
from torch import Tensor, nn

from mlmi2023.core.files import read_json


def kept_for_backward(net: nn.Module, channels: int, size: tuple[int, ...]) -> float:
    """Return the MB that one volume leaves for the backward pass, weights not counted.

    What several operations keep of one map counts once, as memory does.

    Args:
        net: in any mode; it is measured as it trains, and left as it was.
        channels: of the volume.
        size: of the volume.
    """
    device = next(net.parameters()).device
    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
    kept: dict[int, Tensor] = {}  # held, so that no storage is used twice meanwhile

    def pack(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            kept[place] = tensor
        return tensor

    before, states = net.training, {k: v.clone() for k, v in net.state_dict().items()}
    net.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        net(torch.zeros(1, channels, *size, device=device))
    net.load_state_dict(states)
    net.train(before)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / 2**20


def of_training(weights: Path | None) -> dict[str, float]:
    """Return samples a second and the process's largest memory, MB, as the training has measured them."""
    file = weights.with_name("train.json") if weights is not None else None
    if file is None or not file.is_file():
        return {}
    report = read_json(file)
    names = {"samples_per_second": "speed", "peak_memory_mb": "memory"}
    return {ours: float(report[key]) for key, ours in names.items() if key in report}
