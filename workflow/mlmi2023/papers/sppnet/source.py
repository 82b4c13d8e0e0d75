"""Batches on the device: images are augmented, points drawn in them, all brought to networks' sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.papers.sppnet.augment import augmented
from mlmi2023.papers.sppnet.frame import Frame
from mlmi2023.papers.sppnet.options import Task
from mlmi2023.papers.sppnet.points import draw_points
from mlmi2023.papers.sppnet.seen import Seen

#: of ImageNet, of 0 to 255; SAM's and those of the low-level block are the same
MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
#: first word of the random states of images that are not augmented
VALIDATED = 101


class Drawn(Dataset):
    """Training samples: the number of an image, and that of a random state.

    Args:
        rows: the images to draw from.
    """

    def __init__(self, rows: Sequence[int]) -> None:
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"row": self.rows[index], "seed": torch.randint(2**31 - 1, ())}


class Source(nn.Module):
    """Images and nuclei; a batch of rows becomes what networks see, and the true masks.

    Args:
        images: (N, H, W, 3) uint8.
        nuclei: (N, H, W), a number in each nucleus.
        task: of the paper.
        where: how the first point is drawn (:func:`~.points.draw_points`); None: nobody sees points.
        single: the truth is the nucleus that the point is in, not all of them.
        each: pairs of points of an image in training, for each of which there is a mask then.
    """

    images: Tensor
    nuclei: Tensor

    def __init__(
        self,
        images: np.ndarray,
        nuclei: np.ndarray,
        task: Task,
        where: str | None,
        single: bool = False,
        each: int = 1,
    ) -> None:
        super().__init__()
        self.register_buffer("images", torch.from_numpy(np.array(images)), persistent=False)
        self.register_buffer(
            "nuclei", torch.from_numpy(np.asarray(nuclei).astype(np.int32)), persistent=False
        )
        for name, values in (("mean", MEAN), ("spread", SPREAD)):
            self.register_buffer(name, torch.tensor(values), persistent=False)
        self.task, self.where, self.single, self.each = task, where, single, each
        self.frame = Frame((images.shape[1], images.shape[2]), task.size[0], task.fit)

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Seen, Tensor]:
        """Return what networks see, and masks (B, S, S) int64."""
        rows = batch["row"].tolist()
        key = "seed" if train else "row"
        rngs = [np.random.default_rng([0 if train else VALIDATED, n]) for n in batch[key].tolist()]
        return self.seen(rows, rngs, augment=train)

    def seen(
        self, rows: Sequence[int], rngs: Sequence[np.random.Generator], augment: bool = False
    ) -> tuple[Seen, Tensor]:
        """Return what networks see of some images, by their own random numbers, and masks (B, S, S).

        Where images have several points, masks are as many times more, those of an image side by side.
        """
        picked = torch.as_tensor(list(rows), device=self.images.device)
        image, nuclei = self.images[picked].permute(0, 3, 1, 2).float(), self.nuclei[picked]
        mean, spread = self.get_buffer("mean"), self.get_buffer("spread")
        if augment:
            image, nuclei = augmented(image, nuclei, rngs, self.task.augment, mean)
            nuclei = nuclei.repeat_interleave(self.each, 0)
            rngs = [rng for rng in rngs for _ in range(self.each)]
        points, labels, chosen = self.prompts(nuclei, rngs)
        mask = nuclei == chosen[:, None, None] if self.single else nuclei > 0
        whole, low = self.frame.image((image - mean[:, None, None]) / spread[:, None, None])
        return Seen(whole, low, points, labels), self.frame.mask(mask)

    def prompts(self, nuclei: Tensor, rngs: Sequence[np.random.Generator]) -> tuple[Tensor, Tensor, Tensor]:
        """Return points (B, 2, 2) in the encoder's image, labels (B, 2) and the nuclei (B,) that were chosen.

        Args:
            nuclei: (B, H, W).
            rngs: of each image.
        """
        count, device = len(nuclei), nuclei.device
        if self.where is None:
            none = torch.zeros(count, 2, dtype=torch.long, device=device)
            return torch.zeros(count, 2, 2, device=device), none, none[:, 0]
        maps = nuclei.cpu().numpy()
        drawn = [draw_points(own, rng, self.task, self.where) for own, rng in zip(maps, rngs)]
        places = torch.from_numpy(np.stack([own.places for own in drawn])).to(device)
        labels = torch.from_numpy(np.stack([own.labels for own in drawn])).to(device)
        chosen = torch.tensor([own.nucleus for own in drawn], device=device)
        return self.frame.points(places), labels, chosen
