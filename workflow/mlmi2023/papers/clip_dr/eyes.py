"""Photographs on their way to the network: drawn from every source alike, augmented on the device."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.papers.clip_dr import colours
from mlmi2023.papers.clip_dr.options import Augmentation, Task
from mlmi2023.tasks.domains import View
from mlmi2023.training.data.augment2d import DRAWS, Augment2D

#: mean and spread of red, green and blue, in [0, 1]
STATISTICS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


def normalised(x: Tensor, kind: str) -> Tensor:
    """Return images (B, 3, H, W) in [0, 1] as networks see them."""
    mean, spread = (x.new_tensor(values)[:, None, None] for values in STATISTICS[kind])
    return (x - mean) / spread


class DomainDraws(Dataset):
    """Training samples: a row of each source, and the random numbers that its augmentation uses.

    So a batch of b samples has b images of each source (Sect. 3), whatever their sizes.

    Args:
        rows: that train.
        domains: of all images of the cohort.
    """

    def __init__(self, rows: Sequence[int], domains: Sequence[str]) -> None:
        names = dict.fromkeys(domains[row] for row in rows)
        self.rows = [torch.tensor([row for row in rows if domains[row] == name]) for name in names]

    def __len__(self) -> int:
        return max(map(len, self.rows))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        found = torch.stack([own[torch.randint(len(own), ())] for own in self.rows])
        count = len(self.rows)
        return {
            "row": found,
            "draw": torch.rand(count, DRAWS),
            "colour": torch.rand(count, colours.DRAWS),
        }


class Eyes:
    """Photographs as input of a network.

    Args:
        view: of the cohort.
        task: the dataset's.
    """

    def __init__(self, view: View, task: Task) -> None:
        self.images, self.task = view.images, task
        self.size = int(self.images.shape[1])
        self.warp = warp_of(task.augment)

    def take(self, rows: Tensor, device: torch.device) -> Tensor:
        """Return images (B, 3, H, W) in [0, 1]."""
        found = torch.from_numpy(np.ascontiguousarray(self.images[rows.cpu().numpy()]))
        return found.to(device).permute(0, 3, 1, 2).float() / 255

    def plain(self, rows: Tensor, device: torch.device) -> Tensor:
        """Return input (B, 3, H, W) of some rows, as they are."""
        return normalised(self.take(rows, device), self.task.normalise)

    def drawn(self, rows: Tensor, draw: Tensor, colour: Tensor, device: torch.device) -> Tensor:
        """Return augmented input (B, 3, H, W) of some rows."""
        image = self.take(rows, device)
        image, _ = self.warp(image, image.new_zeros(len(image), 1, 1), draw)
        image = colours.recoloured(image, colour, self.task.augment)
        return normalised(image, self.task.normalise)


def warp_of(own: Augmentation) -> Augment2D:
    """Return what moves images: what is cut off at the edges is black there anyway."""
    return Augment2D(
        flip=(own.flip, 0.0),
        rotate=own.rotate,
        shift=own.shift,
        scale=(1.0, 1 / math.sqrt(own.crop)),
        border="zeros",
    )
