"""The module that trains a detector: its own losses, and Dice of its masks on validation images."""

from typing import Any

import torch
from torch import Tensor

from mlmi2023.papers.ffpn.answers import masks_of, one
from mlmi2023.tasks.segmentation.module import Segmentation


class Detecting(Segmentation):
    """A detector with ``losses(image, truth)`` and ``found(image)``; the source yields images and truths."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        image, truth = self._taken(batch, True)
        return self.net.losses(image, truth)  # type: ignore[operator, union-attr]

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps of each structure's mask."""
        batch = {key: value[0] for key, value in batch.items()}
        image, truth = self._taken(batch, False)
        found: Any = self.net.found(image)  # type: ignore[operator, union-attr]
        size = (image.shape[2], image.shape[3])
        structures = torch.arange(1, 1 + self.classes)[:, None, None]
        for item, case in enumerate(batch["case"]):
            masks = torch.from_numpy(masks_of(one(found, item), size, size))
            true = truth.labels[item].cpu() == structures  # type: ignore[attr-defined]
            counts = torch.stack([2 * (masks & true).sum((1, 2)), masks.sum((1, 2)) + true.sum((1, 2))], -1)
            self._counts[case] += counts.to(self._counts.device)
