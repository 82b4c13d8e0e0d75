"""Images of a run: who learns, who validates, who is tested, and what networks see of them."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.cohorts.forms.image_pool.reader import open_pool
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.ocm_vit.options import Task
from mlmi2023.tasks.segmentation import Cases, read_case
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DeviceImages, DrawnRows

#: grey images are three equal channels, as the published encoder wants them
CHANNELS = 3


def three(image: Tensor) -> Tensor:
    """Return network input (B, 3, H, W) in [0, 1] of grey values (B, 1, H, W) of 8 bits."""
    return (image / 255).expand(-1, CHANNELS, -1, -1)


def in_size(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Return images (N, H, W) uint8 at another size; bilinear, smoothed where they shrink."""
    if images.shape[1:] == tuple(size):
        return np.asarray(images)
    found = np.empty((len(images), *size), np.uint8)
    for row, image in enumerate(images):
        grey = torch.from_numpy(np.array(image))[None, None].float()
        large = F.interpolate(grey, size=list(size), mode="bilinear", antialias=True)
        found[row] = large[0, 0].round().clamp(0, 255).byte().numpy()
    return found


class PoolCases(Cases):
    """Images (N, H, W) of a cohort of the form ``image_pool``, judged at the size at which it has them.

    Args:
        job: of the paper.
        encoder: networks see images at the task's ``encoder_size``, not at its ``size``.
    """

    together = 8

    def __init__(self, job: Job, encoder: bool = False) -> None:
        self.job, self.cohort = job, open_pool(job.data)
        self.task = options(Task, job.task, "config", "task")
        self.classes, self.channels = self.cohort.classes[:1], CHANNELS
        own = (int(self.cohort.images.shape[1]), int(self.cohort.images.shape[2]))
        self.encoder_size: tuple[int, int] = self.task.encoder_size or own
        self.size: tuple[int, int] = self.encoder_size if encoder else self.task.size or own

    def rows(self, part: str) -> list[int]:
        """Return the images of ``train``, ``val``, ``test``, ``pool`` or ``held``, in order.

        The last of the pool by name are held out of training.

        Raises:
            InputError: there is none.
        """
        pool = [int(row) for row in self.cohort.rows("pool")]
        held = math.ceil(self.task.held * len(pool))
        if part in ("pool", "held"):
            if len(pool) < 2:
                raise InputError(f"cohort '{self.cohort.name}': its pool has {len(pool)} images; add some")
            return pool[: len(pool) - held] if part == "pool" else pool[len(pool) - held :]
        return super().rows(part)

    def learned(self, share: float) -> list[int]:
        """Return the first of the labelled training images: a share of them, rounded down, at least one."""
        return first_of(self.rows("train"), share)

    def shape(self, row: int) -> tuple[int, ...]:
        """Return rows and columns, at which images are judged."""
        return tuple(self.cohort.images.shape[1:])

    def truth(self, row: int) -> np.ndarray:
        """Return the labels (H, W), 1 for the structure."""
        return np.asarray(self.cohort.masks[row] > 0, np.uint8)

    def inputs(self, row: int) -> np.ndarray:
        """Return what a network sees, (1, *size, 1) uint8."""
        return self.seen([row])[..., None]

    def seen(self, rows: Sequence[int]) -> np.ndarray:
        """Return images (n, *size) uint8."""
        return in_size(self.cohort.inputs[list(rows)], self.size)

    def prepare(self, image: Tensor) -> Tensor:
        """Return three equal channels in [0, 1]."""
        return three(image)

    def targets(self, row: int) -> Tensor:
        """Return the labels at the networks' size, (1, *size)."""
        return torch.from_numpy(sized_masks(self.truth(row)[None], self.size))

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return labels (1, *size) in the shape in which the image is judged."""
        return sized_masks(found.numpy(), self.shape(row))[0]

    def samples(self, select: str, augment: Any) -> Samples:
        """Return labelled images on the device: a share of those that train, all of ``select``."""
        share = float(self.job.method_options.get("share", 1.0))
        held, rows = self.rows(select), self.learned(share)
        return self.of(rows, held, self.truth, augment)

    def pseudo(self, folder: Path, augment: Any) -> Samples:
        """Return the pool with the masks that another method has found in it.

        Args:
            folder: of that method's predictions.
            augment: configuration of the augmentation.

        Raises:
            InputError: it has left no masks of this pool.
        """
        rows, held = self.rows("pool"), self.rows("held")
        first = folder / f"{self.name(rows[0])}.npz"
        if not first.is_file():
            raise InputError(f"{first}: no such file; set pool: true for the method under 'uses'")
        some = first_of(rows, float(self.job.method_options.get("share", 1.0)))
        return self.of(some, held, lambda row: read_case(folder, self, row)["labels"], augment)

    def of(
        self, rows: Sequence[int], held: Sequence[int], label: Callable[[int], np.ndarray], augment: Any
    ) -> Samples:
        """Return images ``rows`` that train and ``held`` that validate, with labels (H, W) of each."""
        used = [*rows, *held]
        masks = sized_masks(np.stack([label(row) for row in used]), self.size)
        source = DeviceImages(
            self.seen(used)[..., None], masks, three, Augment2D.from_config(augment) if augment else None
        )
        at_once = int(self.job.train.get("val_batch", 8))
        chunks = RowChunks(range(len(rows), len(used)), at_once, range(len(held)))
        return Samples(source, DrawnRows(range(len(rows))), chunks, len(held))


def first_of(rows: list[int], share: float) -> list[int]:
    """Return the first ``share`` of some rows, rounded down as in the release, at least one."""
    return rows[: max(1, int(share * len(rows) + 1e-9))]


def sized_masks(masks: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Return masks (N, H, W) of 0 and 1 at another size, cut at a half, uint8."""
    if masks.shape[1:] == tuple(size):
        return np.asarray(masks, np.uint8)
    share = torch.from_numpy(np.array(masks))[:, None].float()
    large = F.interpolate(share, size=list(size), mode="bilinear", antialias=True)
    return (large[:, 0] > 0.5).byte().numpy()
