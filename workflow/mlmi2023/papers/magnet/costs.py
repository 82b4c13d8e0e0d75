"""What a training step holds in memory, by the number of modalities that are there.

Counted are the tensors that autograd keeps for the backward pass, without weights: the part of a step's
memory that grows with the input, the same on every machine.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mlmi2023.papers.magnet.agnostic import Agnostic


def kept_bytes(net: Agnostic, images: Tensor, present: Tensor) -> int:
    """Return the bytes that one forward pass keeps for the backward pass.

    Args:
        net: the network.
        images: (B, M, *size).
        present: (B, M) bool.
    """
    weights = {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}
    seen: dict[int, tuple[int, Tensor]] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            # the tensor is held on to, so that its place in memory is not used again
            seen[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    training = net.training
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        answer = net.train()(images, present)
    net.train(training)
    del answer
    return sum(size for size, _ in seen.values())


def by_number(net: Agnostic, images: Tensor) -> Iterator[tuple[int, int]]:
    """Yield the number of modalities that are there, and the bytes kept, for one patient (1, M, *size)."""
    for count in range(1, images.shape[1] + 1):
        present = torch.arange(images.shape[1], device=images.device)[None] < count
        yield count, kept_bytes(net, images, present)
