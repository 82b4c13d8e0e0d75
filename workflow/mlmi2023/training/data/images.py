"""2D images on the device: drawn by number, normalised and augmented there, with no copy per step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest
from mlmi2023.training.data.augment2d import DRAWS, Augment2D

NORMALISATIONS = ("range", "zscore", "unit")


class DrawnRows(Dataset):
    """Training samples: a row's number and the random numbers that its augmentation uses.

    They come from the sample's own random state, so that all methods see the same augmented images.

    Args:
        rows: the images to draw from.
    """

    def __init__(self, rows: Sequence[int] | np.ndarray) -> None:
        self.rows = [int(row) for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"row": self.rows[index], "draw": torch.rand(DRAWS)}


def normaliser(kind: str, images: np.ndarray, rows: Sequence[int] | np.ndarray) -> Callable[[Tensor], Tensor]:
    """Return what turns float images (B, C, H, W) into a network's input.

    Args:
        kind: ``range``: each image's own extremes become -1 and 1; ``zscore``: mean 0 and spread 1 of each
            channel over the images ``rows``, which must be training images; ``unit``: 8 bits become 0 to 1.
        images: (N, H, W, C).
        rows: what ``zscore`` learns from.

    Raises:
        InputError: an unknown kind.
    """
    if kind == "range":

        def stretched(x: Tensor) -> Tensor:
            low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
            return 2 * (x - low) / (high - low).clamp_min(1e-6) - 1

        return stretched
    if kind == "zscore":
        sums = [
            [f(np.asarray(images[row], np.float64)) for f in (_mean, lambda x: _mean(x * x))] for row in rows
        ]
        mean, square = np.mean(sums, axis=0)
        spread = np.sqrt(np.maximum(square - mean**2, 1e-12))
        centre, scale = (torch.tensor(v, dtype=torch.float32).view(1, -1, 1, 1) for v in (mean, spread))
        return lambda x: (x - centre.to(x.device)) / scale.to(x.device)
    if kind == "unit":
        return lambda x: x / 255
    raise InputError(f"config key task.normalise is {kind!r}{suggest(kind, list(NORMALISATIONS))}")


def _mean(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=(0, 1))


class DeviceImages(nn.Module):
    """All images and masks, kept on the module's device in their own small type.

    A source for :class:`mlmi2023.tasks.segmentation.module.Segmentation`: batches hold ``row`` (B,) and, for
    training, ``draw`` (B, DRAWS).

    Args:
        images: (N, H, W, C) uint8 or float16; as it lies in memory, a batch is channels-last.
        masks: (N, H, W) labels.
        normalise: float32 (B, C, H, W) -> network input, see :func:`normaliser`.
        augment: for training batches; None: none.
    """

    images: Tensor
    masks: Tensor

    def __init__(
        self,
        images: np.ndarray,
        masks: np.ndarray,
        normalise: Callable[[Tensor], Tensor],
        augment: Augment2D | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("images", torch.from_numpy(np.array(images)), persistent=False)
        self.register_buffer("masks", torch.from_numpy(np.array(masks)), persistent=False)
        self.normalise, self.augment = normalise, augment

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        """Return input (B, C, H, W) float32 and target (B, H, W) int64."""
        row = batch["row"]
        image = self.normalise(self.images[row].permute(0, 3, 1, 2).float())
        mask = self.masks[row].long()
        if train and self.augment is not None:
            image, mask = self.augment(image, mask, batch["draw"])
        return image, mask
