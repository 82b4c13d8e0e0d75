"""The three pools of a training (Sects. 2.3 and 2.4): what is drawn from them, and the pixels themselves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.papers.domain_mix.options import Learned
from mlmi2023.papers.domain_mix.pseudo import IGNORED
from mlmi2023.training.data.augment2d import DRAWS, Augment2D

#: no image
NONE = -1


class Drawn(Dataset):
    """Training samples: a labelled image and, for domain mix, two images and which object goes over.

    Of several pools each has the same chance, whatever its size: five shots are not lost among a thousand
    images of the source.

    Args:
        keys: of the method.
        pools: images of each pool, by their place in :class:`Pictures`.
    """

    def __init__(self, keys: Learned, pools: Mapping[str, Sequence[int]]) -> None:
        self.keys, self.pools = keys, pools
        self.rows = [row for name in keys.learn for row in pools[name]]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        mix = self.keys.mix
        given = {"row": self.rows[index], "draw": torch.rand(DRAWS)}
        if mix is None:
            return given
        return {
            **given,
            "to": self._one(mix.to),
            "from": self._one(mix.origins) if mix.origins else NONE,
            "object": torch.rand(()),
        }

    def _one(self, names: Sequence[str]) -> int:
        rows = self.pools[names[int(torch.randint(len(names), ()))]]
        return rows[int(torch.randint(len(rows), ()))]


class Pictures(nn.Module):
    """Images on the device, and the labels of those that have some; validation batches come from here too.

    Args:
        images: (N, H, W, C) uint8.
        masks: (n, H, W) labels.
        labelled: places among the images of those that the masks are of.
        normalise: see :func:`mlmi2023.training.data.images.normaliser`.
        augment: of training batches.
    """

    images: Tensor
    masks: Tensor
    labelled: Tensor

    def __init__(
        self,
        images: np.ndarray,
        masks: np.ndarray,
        labelled: Sequence[int],
        normalise: Callable[[Tensor], Tensor],
        augment: Augment2D,
    ) -> None:
        super().__init__()
        known = np.zeros(len(images), bool)
        known[list(labelled)] = True
        # what is not there is never taken for background
        labels = np.full(images.shape[:3], IGNORED, np.uint8)
        labels[known] = masks
        for name, array in (("images", images), ("masks", labels), ("labelled", known)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.normalise, self.augment = normalise, augment

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        """Return network input (B, C, H, W) and labels (B, H, W) of the rows of a validation batch."""
        return self.take(batch["row"])

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return input and labels; those of images without are :data:`IGNORED`."""
        return self.normalise(self.images[rows].permute(0, 3, 1, 2).float()), self.masks[rows].long()
