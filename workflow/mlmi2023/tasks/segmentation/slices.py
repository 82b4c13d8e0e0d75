"""Axial slices of scans, or single images, seen by networks at one size and judged as the cohort has them.

Cases are scans or images. They, not slices, belong to a split: no slice of a tested case is trained on.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.cohorts.forms.images.reader import Images
from mlmi2023.cohorts.forms.scans.reader import Scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.segmentation.cases import Cases, Samples
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DeviceImages, DrawnRows


class Slices(Cases):
    """The cases of a cohort of the form ``scans`` or ``images``, sliced.

    The task's key ``size`` (rows, columns) is what networks see: cases are padded to its proportions, then
    resampled; answers go the way back. Intensities go from [0, 1] to [-1, 1]. Labels are numbered 1, 2, ...
    in the order of :attr:`classes`: of scans those of the task's key ``organs`` (value by name), else all.

    Raises:
        InputError: the cohort is of another form, or lacks an organ.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_cohort(job.data)
        self.size = tuple(int(side) for side in job.task["size"])
        cohort = self.cohort
        if isinstance(cohort, Scans):
            self.channels, self.together = len(cohort.modalities), 1
            self.values = _organs(job.task.get("organs"), cohort)
        elif isinstance(cohort, Images):
            self.channels, self.together = int(cohort.images.shape[3]), 16
            self.values = {name: number for number, name in enumerate(cohort.classes, 1)}
        else:
            raise InputError(f"{job.data}: is sliced, so name a cohort of the form scans or images")
        self.classes = list(self.values)

    def shape(self, row: int) -> tuple[int, int, int]:
        """Return slices, rows and columns."""
        if isinstance(self.cohort, Scans):
            x, y, z = self.cohort.shapes[row]
            return z, y, x
        return (1, *self.cohort.masks.shape[1:3])

    def spacing(self, row: int) -> tuple[float, ...]:
        """Return mm between slices, rows and columns; 1 for images."""
        return self.cohort.spacings[row][::-1] if isinstance(self.cohort, Scans) else (1.0, 1.0, 1.0)

    def truth(self, row: int) -> np.ndarray:
        """Return the true labels (slices, rows, columns)."""
        scans = isinstance(self.cohort, Scans)
        labels = self.cohort.labels(row).transpose(2, 1, 0) if scans else self.cohort.masks[row][None]
        table = np.zeros(1 + max(255, *self.values.values(), int(labels.max())), np.uint8)
        for number, value in enumerate(self.values.values(), 1):
            table[value] = number
        return table[labels]

    def image(self, row: int) -> np.ndarray:
        """Return the intensities (slices, rows, columns, channels) in [0, 1], float32."""
        if isinstance(self.cohort, Scans):
            return self.cohort.stack(row).transpose(3, 2, 1, 0).astype(np.float32)
        return self.cohort.images[row][None].astype(np.float32) / 255

    def inputs(self, row: int) -> np.ndarray:
        """Return the slices at the networks' size, (slices, *size, channels) float16 in [0, 1]."""
        maps = torch.from_numpy(self.image(row)).permute(0, 3, 1, 2)
        return to_size(maps, self.size).clamp(0, 1).permute(0, 2, 3, 1).half().numpy()

    def prepare(self, image: Tensor) -> Tensor:
        """Return intensities in [-1, 1]: ``(x - 0.5) / 0.5``."""
        return 2 * image - 1

    def targets(self, row: int) -> Tensor:
        """Return the true labels at the networks' size, (slices, *size) uint8."""
        return to_size(torch.from_numpy(self.truth(row))[:, None], self.size, nearest=True)[:, 0]

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return labels (slices, *size) as the cohort has them, (slices, rows, columns)."""
        return from_size(found, self.shape(row)[1:]).numpy()

    def samples(self, select: str, augment: Any) -> Samples:
        """Return all slices on the device; those of ``select`` validate where a monitor needs it."""
        train = self.rows("train")
        held = self.rows(select) if self.job.train.get("monitor") else []
        source = DeviceImages(
            np.concatenate([self.inputs(row) for row in [*train, *held]]),
            np.concatenate([self.targets(row).numpy() for row in [*train, *held]]),
            self.prepare,
            Augment2D.from_config(augment),
        )
        counts = [self.shape(row)[0] for row in held]
        first = len(source.images) - sum(counts)
        at_once = int(self.job.train.get("val_batch", self.job.train.get("batch", 1)))
        places = range(first, len(source.images))
        val = RowChunks(places, at_once, np.repeat(np.arange(len(held)), counts)) if held else None
        return Samples(source, DrawnRows(range(first)), val, len(held))


def _organs(wanted: Mapping[str, Any] | None, scans: Scans) -> dict[str, int]:
    """Return label values by the structures' names: those of the config, or all of the cohort's."""
    if not wanted:
        return {name.lower().replace(" ", "_"): value for value, name in scans.label_names.items()}
    values = {str(name): int(value) for name, value in wanted.items()}
    for name, value in values.items():
        if value not in scans.label_names:
            raise InputError(
                f"cohort '{scans.name}': no structure has the label {value} ({name}); its labels are "
                f"{', '.join(map(str, scans.label_names))}: change the task's key 'organs'"
            )
    return values


def to_size(maps: Tensor, size: tuple[int, ...], nearest: bool = False) -> Tensor:
    """Pad maps (B, C, H, W) with zeros to the shape of ``size`` around their middle, then resample.

    Args:
        maps: images, or labels where ``nearest``.
        size: rows and columns; the padding keeps proportions.
        nearest: take the nearest pixel; else cubic, smoothed where it becomes coarser.
    """
    above, below, left, right = _margins(maps.shape[2], maps.shape[3], size)
    maps = F.pad(maps, [left, right, above, below])
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    if nearest:
        return F.interpolate(maps.float(), size=list(size), mode="nearest-exact").to(maps.dtype)
    return F.interpolate(maps, size=list(size), mode="bicubic", antialias=True)


def from_size(labels: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo :func:`to_size` for labels: (B, h, w) to (B, *shape), by the nearest pixel."""
    above, below, left, right = _margins(shape[0], shape[1], tuple(labels.shape[1:]))
    whole = (shape[0] + above + below, shape[1] + left + right)
    maps = labels[:, None]
    if tuple(maps.shape[2:]) != whole:
        maps = F.interpolate(maps.float(), size=list(whole), mode="nearest-exact").to(labels.dtype)
    return maps[:, 0, above : whole[0] - below, left : whole[1] - right]


def _margins(rows: int, columns: int, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the padding above, below, left and right that gives an image the proportions of ``size``."""
    ratio = size[1] / size[0]
    more_rows = max(0, round(columns / ratio) - rows)
    more_columns = max(0, round(rows * ratio) - columns)
    above, left = more_rows // 2, more_columns // 2
    return above, more_rows - above, left, more_columns - left
