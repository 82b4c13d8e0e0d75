"""What a training step of a network holds in memory, by the number of modalities that are there."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mlmi2023.nets.memory import kept_bytes
from mlmi2023.papers.magnet.agnostic import Agnostic


def by_number(net: Agnostic, images: Tensor) -> Iterator[tuple[int, int]]:
    """Yield the number of modalities that are there, and the bytes kept, for one patient (1, M, *size)."""
    for count in range(1, images.shape[1] + 1):
        present = torch.arange(images.shape[1], device=images.device)[None] < count
        yield count, kept_bytes(net, images, present)
