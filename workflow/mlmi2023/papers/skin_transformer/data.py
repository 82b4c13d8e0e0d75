"""Images at the size that a method works on, and how they are normalised."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.cohorts.forms.images.reader import open_images
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.training.data.on_device import normaliser


@dataclass(frozen=True)
class SkinData:
    """A cohort at one size.

    Attributes:
        name: of the cohort.
        subjects: ids.
        splits: train, val or test.
        images: (N, H, W, C) uint8.
        masks: (N, H, W) uint8, 1 in the lesion.
        normalise: float images (B, C, H, W) -> network input.
    """

    name: str
    subjects: list[str]
    splits: list[str]
    images: np.ndarray
    masks: np.ndarray
    normalise: Callable[[Tensor], Tensor]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def channels(self) -> int:
        """Colours of the images."""
        return self.images.shape[3]

    def rows(self, split: str) -> np.ndarray:
        """Return the numbers of a split's images.

        Raises:
            InputError: there are none.
        """
        found = np.flatnonzero(np.array(self.splits) == split)
        if not len(found):
            raise InputError(f"cohort '{self.name}' has no {split} images; give its split '{split}' some")
        return found


def open_data(job: Job) -> SkinData:
    """Return the job's images; the method's ``size`` goes before the task's, null keeps the cohort's.

    Raises:
        InputError: the cohort has several classes, or no training image.
    """
    cohort = open_images(job.data)
    if len(cohort.classes) != 1:
        raise InputError(
            f"cohort '{cohort.name}' has the classes {', '.join(cohort.classes)}; this paper takes one: give "
            "masks of one structure"
        )
    size = job.method_options.get("size") or job.task.get("size")
    images, masks = cohort.images, cohort.masks
    if size and tuple(size) != images.shape[1:3]:
        images, masks = resized(images, masks, (int(size[0]), int(size[1])))
    train = cohort.rows("train")
    if not len(train):
        raise InputError(f"cohort '{cohort.name}' has no train images; give its split 'train' some")
    return SkinData(
        cohort.name,
        cohort.subjects,
        cohort.splits,
        images,
        masks,
        normaliser(str(job.task.get("normalise", "range")), images, train),
    )


def resized(
    images: np.ndarray, masks: np.ndarray, size: tuple[int, int], chunk: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, H, W, C) and masks (N, H, W) at another size.

    Bilinear with smoothing where they shrink; masks are cut at a half.
    """
    pictures = np.empty((len(images), *size, images.shape[3]), np.uint8)
    labels = np.empty((len(masks), *size), np.uint8)
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        colours = torch.from_numpy(np.array(images[part])).permute(0, 3, 1, 2).float()
        truth = torch.from_numpy(np.array(masks[part])).float()[:, None]
        colours, truth = (
            F.interpolate(x, size=list(size), mode="bilinear", antialias=True) for x in (colours, truth)
        )
        pictures[part] = colours.round().clamp(0, 255).permute(0, 2, 3, 1).byte().numpy()
        labels[part] = (truth[:, 0] > 0.5).numpy()
    return pictures, labels
