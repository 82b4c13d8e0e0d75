"""What a training is fed with: a draw of each site's own images for each step, and validation images."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.training.data.augment2d import DRAWS, Augment2D


class DrawnAtSites(Dataset):
    """Samples: of each site one of its training images, and the random numbers of its augmentation.

    Sites differ in size; each draws from its own, and what it draws does not depend on how many others have.

    Args:
        counts: training images of each site.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = list(counts)

    def __len__(self) -> int:
        return max(self.counts)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        places = torch.rand(len(self.counts)) * torch.tensor(self.counts)
        return {
            "row": places.long().minimum(torch.tensor(self.counts) - 1),
            "draw": torch.rand(len(self.counts), DRAWS),
        }


class SiteData(nn.Module):
    """One site's training images and labels, on the device.

    Args:
        images: (n, H, W, C) uint8.
        labels: (n, H, W) uint8, class + 1 or 0.
        augment: of training images.
    """

    images: Tensor
    labels: Tensor

    def __init__(self, images: np.ndarray, labels: np.ndarray, augment: Augment2D) -> None:
        super().__init__()
        self.register_buffer("images", torch.from_numpy(images), persistent=False)
        self.register_buffer("labels", torch.from_numpy(labels), persistent=False)
        self.augment = augment

    def __len__(self) -> int:
        return len(self.images)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return images (B, C, H, W) in [0, 1] and labels (B, H, W), augmented alike."""
        image = self.images[batch["row"]].permute(0, 3, 1, 2).float() / 255
        return self.augment(image, self.labels[batch["row"]], batch["draw"])


def data_of(cases: SiteImages, rows: list[int], full: bool) -> SiteData:
    """Return the data of a site that trains on ``rows``, with its own labels or full masks."""
    augment = cases.job.task.get("augment")
    labels = np.stack([cases.labels(row, full) for row in rows])
    return SiteData(cases.pictures(rows), labels, Augment2D.from_config(augment))
