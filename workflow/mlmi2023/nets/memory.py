"""What a training step holds in memory: the tensors that autograd keeps for the backward pass.

Weights are not counted. It is the part of a step's memory that grows with the input, and the same on every
machine.
"""

from typing import Any

import torch
from torch import Tensor, nn


def kept_bytes(net: nn.Module, *inputs: Any) -> int:
    """Return the bytes that one forward pass keeps for the backward pass.

    What several operations keep of one tensor counts once, as memory does.

    Args:
        net: in any mode; it is measured as it trains, and left as it was.
        inputs: what it is called with.
    """
    weights = {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}
    kept: dict[int, Tensor] = {}  # held on to, so that no place in memory is used twice meanwhile

    def note(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            kept[place] = tensor
        return tensor

    training, state = net.training, {name: own.clone() for name, own in net.state_dict().items()}
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        answer = net.train()(*inputs)
    net.load_state_dict(state)
    net.train(training)
    del answer
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
