"""What the fits leave: the images, and how good they were along the way.

The networks themselves are thrown away: each was fitted to one scan and is of no use for another. These
tensors are what the workflow keeps as the weights of a run.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.dmdip.slices import Slices


class Outcomes(nn.Module):
    """Outcomes of all slices of a dataset, as buffers.

    ``iterations`` (T,) are those after which outcomes were recorded. For each factor r: ``image_<r>`` (S, M,
    H, W), the output that was kept, before k-space replacement; ``kept_<r>`` (S, M), its iteration;
    ``psnr_<r>`` and ``psnr_kr_<r>`` (T, S, M), PSNR of every recorded output without and with replacement,
    NaN without truth. The PSNR is for drawing: nothing is chosen by it.
    """

    def __init__(self, slices: Slices, iterations: list[int]) -> None:
        super().__init__()
        self.register_buffer("iterations", torch.tensor(iterations))
        count = (len(slices), len(slices.modalities))
        for r, shape in slices.shape.items():
            self.register_buffer(f"image_{r}", torch.zeros(*count, *shape))
            self.register_buffer(f"kept_{r}", torch.zeros(count, dtype=torch.long))
            for name in (f"psnr_{r}", f"psnr_kr_{r}"):
                self.register_buffer(name, torch.full((len(iterations), *count), torch.nan))

    def get(self, name: str, r: int) -> Tensor:
        """Return a buffer of a factor."""
        return self.get_buffer(f"{name}_{r}")


def read_outcomes(path: Path, slices: Slices) -> dict[str, Tensor]:
    """Return the buffers of :class:`Outcomes` that training wrote.

    Raises:
        InputError: the file is broken or was made for other slices.
    """
    from mlmi2023.training.loop.weights import read_weights

    found = read_weights(path)
    for r, shape in slices.shape.items():
        wanted = (len(slices), len(slices.modalities), *shape)
        own = found.get(f"image_{r}")
        if own is None or own.shape != wanted:
            raise InputError(f"{path}: holds no outcomes for the slices of today's config; train again")
    return found
