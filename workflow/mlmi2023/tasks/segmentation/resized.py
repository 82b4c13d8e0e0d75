"""2D images brought to one size, at which networks see them and are judged."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.cohorts.forms.images.reader import open_images
from mlmi2023.cohorts.forms.images.sizes import resizing
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.segmentation.cases import Cases, Samples
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DeviceImages, DrawnRows, normaliser


class Resized(Cases):
    """Images (N, H, W, C) uint8 and masks (N, H, W) of a cohort of the form ``images``.

    The key ``size`` of the method goes before the task's; without either the cohort's stays. What is resized
    is said. The task's key ``normalise`` is a kind of :func:`mlmi2023.training.data.images.normaliser`.

    Raises:
        InputError: the cohort is of another form, or has nobody in ``train``.
    """

    together = 16

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_images(job.data)
        self.classes = self.cohort.classes
        self.images, self.masks = self.cohort.images, self.cohort.masks
        size = job.method_options.get("size") or job.task.get("size")
        if size and tuple(size) != self.images.shape[1:3]:
            text = resizing([self.images.shape[1:3]] * len(self.images), (int(size[0]), int(size[1])))
            print(f"{self.cohort.name}: resized for networks: {text}", flush=True)
            self.images, self.masks = resized(self.images, self.masks, (int(size[0]), int(size[1])))
        self.size, self.channels = self.images.shape[1:3], int(self.images.shape[3])
        kind = str(job.task.get("normalise", "range"))
        self.normalise = normaliser(kind, self.images, self.rows("train"))

    def shape(self, row: int) -> tuple[int, ...]:
        """Return rows and columns."""
        return self.size

    def truth(self, row: int) -> np.ndarray:
        """Return the labels (H, W)."""
        return self.masks[row]

    def inputs(self, row: int) -> np.ndarray:
        """Return the image, (1, H, W, C) uint8."""
        return self.images[row][None]

    def prepare(self, image: Tensor) -> Tensor:
        """Normalise."""
        return self.normalise(image)

    def samples(self, select: str, augment: Any) -> Samples:
        """Return all images on the device; all of ``select`` validate."""
        train = self.job.train
        held = self.rows(select)
        source = DeviceImages(self.images, self.masks, self.normalise, Augment2D.from_config(augment))
        at_once = int(train.get("val_batch", train.get("batch", 1)))
        return Samples(source, DrawnRows(self.rows("train")), RowChunks(held, at_once), len(held))


def resized(
    images: np.ndarray, masks: np.ndarray, size: tuple[int, int], chunk: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, H, W, C) and masks (N, H, W) at another size.

    Bilinear with smoothing where they shrink; masks of one structure are cut at a half, of several at the
    nearest pixel.
    """
    pictures = np.empty((len(images), *size, images.shape[3]), np.uint8)
    labels = np.empty((len(masks), *size), np.uint8)
    several = len(masks) > 0 and int(masks.max()) > 1
    for start in range(0, len(images), chunk):
        part = slice(start, start + chunk)
        colours = torch.from_numpy(np.array(images[part])).permute(0, 3, 1, 2).float()
        truth = torch.from_numpy(np.array(masks[part])).float()[:, None]
        colours = F.interpolate(colours, size=list(size), mode="bilinear", antialias=True)
        if several:
            truth = F.interpolate(truth, size=list(size), mode="nearest-exact")
        else:
            truth = F.interpolate(truth, size=list(size), mode="bilinear", antialias=True) > 0.5
        pictures[part] = colours.round().clamp(0, 255).permute(0, 2, 3, 1).byte().numpy()
        labels[part] = truth[:, 0].byte().numpy()
    return pictures, labels
