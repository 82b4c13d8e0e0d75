"""A cohort's images at the size that networks see, and their contours there; judged at their own size."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from mlmi2023.cohorts.formats.photographs import resized_photo
from mlmi2023.cohorts.forms.images.labels import resized_labels
from mlmi2023.cohorts.forms.outlines.reader import open_outlines
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.ffpn.efd import encode
from mlmi2023.papers.ffpn.options import Task
from mlmi2023.papers.ffpn.outlines import outline_of
from mlmi2023.papers.ffpn.truth import Truth
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DeviceImages, DrawnRows

#: points of true contours
POINTS = 128
#: orders of true contours; networks use the first of them
ORDERS = 16


class Outlined(Cases):
    """Images of the form ``outlines``.

    Raises:
        InputError: the cohort is of another form.
    """

    together = 16
    size: tuple[int, int]

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_outlines(job.data)
        self.task = options(Task, dict(job.task), "config", "task")
        self.classes = self.cohort.classes
        self.size = self.task.size
        self.channels = self.task.channels or self.cohort.channels
        if self.channels < self.cohort.channels:
            raise InputError(
                f"config key task.channels is 1, cohort '{self.cohort.name}' has colours; set its 'read.grey'"
            )

    def shape(self, row: int) -> tuple[int, int]:
        """Return rows and columns of the image itself."""
        return self.cohort.shapes[row]

    def truth(self, row: int) -> np.ndarray:
        """Return the labels (H, W), all that was drawn."""
        return self.cohort.mask(row)

    def small(self, row: int) -> np.ndarray:
        """Return the image at the size of networks, (h, w, C) uint8."""
        image = resized_photo(self.cohort.image(row), self.size)
        return np.repeat(image, self.channels // image.shape[2], axis=2)

    def labels(self, row: int) -> np.ndarray:
        """Return the labels at the size of networks, (h, w) uint8: the largest part of each structure."""
        small = resized_labels(np.asarray(self.truth(row)), self.size, smooth=False)
        kept = np.zeros_like(small)
        for value in range(1, 1 + len(self.classes)):
            parts, count = ndimage.label(small == value)
            if count:
                kept[parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])] = value
        return kept

    @cached_property
    def smaller(self) -> tuple[np.ndarray, np.ndarray]:
        """All images (N, h, w, C) and labels (N, h, w) at the size of networks."""
        rows = range(len(self.cohort))
        return np.stack([self.small(row) for row in rows]), np.stack([self.labels(row) for row in rows])

    def inputs(self, row: int) -> np.ndarray:
        """Return the image, (1, h, w, C) uint8."""
        return self.small(row)[None]

    def prepare(self, image: Tensor) -> Tensor:
        """Return 0 to 255 as -1 to 1."""
        return image / 127.5 - 1

    def targets(self, row: int) -> Tensor:
        """Return the labels at the size of networks, (1, h, w)."""
        return torch.from_numpy(self.labels(row))[None]

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return labels (1, h, w) at the image's own size."""
        return resized_labels(found[0].numpy().astype(np.uint8), self.shape(row), smooth=False)

    def samples(self, select: str, augment: Any) -> Samples:
        """Return all images on the device for networks that label pixels; nothing is augmented."""
        held = self.rows(select)
        source = DeviceImages(*self.smaller, self.prepare)
        at_once = int(self.job.train.get("val_batch", 16))
        return Samples(source, DrawnRows(self.rows("train")), RowChunks(held, at_once), len(held))

    def outlines(self, rows: Sequence[int]) -> dict[str, np.ndarray]:
        """Return contours at the size of networks, and their Fourier series.

        Returns:
            ``there`` (M, K) bool, ``points`` (M, K, 128, 2), ``coefficients`` (M, K, 16, 4) and ``centre``
            (M, K, 2).
        """
        shape = (len(rows), len(self.classes))
        found = {
            "there": np.zeros(shape, bool),
            "points": np.zeros((*shape, POINTS, 2), np.float32),
            "coefficients": np.zeros((*shape, ORDERS, 4), np.float32),
            "centre": np.zeros((*shape, 2), np.float32),
        }
        for place, row in enumerate(rows):
            labels = self.labels(row)
            for k in range(len(self.classes)):
                points = outline_of(labels == k + 1, POINTS)
                if points is None:
                    continue
                found["there"][place, k], found["points"][place, k] = True, points
                found["coefficients"][place, k], found["centre"][place, k] = encode(points, ORDERS)
        return found


class Pictures(DeviceImages):
    """Images with contours on the device; a batch becomes network input and :class:`.truth.Truth`.

    Args:
        cases: of the job.
        rows: those whose contours are wanted.
        orders: N of the network.
    """

    def __init__(self, cases: Outlined, rows: Sequence[int], orders: int) -> None:
        super().__init__(*cases.smaller, cases.prepare)
        place = np.full(len(cases.cohort), -1)
        place[list(rows)] = np.arange(len(rows))
        self.register_buffer("place", torch.from_numpy(place), persistent=False)
        for name, values in cases.outlines(rows).items():
            own = values[:, :, :orders] if name == "coefficients" else values
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(own)), persistent=False)

    def forward(self, batch: Any, train: bool) -> tuple[Tensor, Any]:
        """Return input (B, C, h, w) and the truth of a batch of rows."""
        image, labels = super().forward(batch, train)
        at = self.get_buffer("place")[batch["row"]]
        parts = {name: self.get_buffer(name)[at] for name in ("there", "coefficients", "centre", "points")}
        return image, Truth(**parts, labels=labels)
