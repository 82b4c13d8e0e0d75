"""What networks see: axial slices of scans, or single images, all brought to one size (Sect. 3, Datasets).

Cases are scans or images. They, not slices, belong to a split: no slice of a tested case is trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.cohorts.about import about_packed
from mlmi2023.cohorts.forms.images.reader import Images, open_images
from mlmi2023.cohorts.forms.scans.reader import Scans, open_scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job


@dataclass(frozen=True)
class Case:
    """A scan or an image.

    Attributes:
        name: its subject.
        split: train, val or test.
        row: its place in the cohort.
        shape: (slices, rows, columns) as it is scored.
        spacing: mm between slices, rows and columns; 1 for images.
    """

    name: str
    split: str
    row: int
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]


class Slices:
    """The cases of some splits and their slices.

    Attributes:
        classes: names of the structures 1, 2, ...
        channels: 1 for scans; of the images otherwise.
        cases: the cases of the splits that were asked for, in order.
        size: rows and columns that networks see.
    """

    def __init__(self, job: Job, *splits: str) -> None:
        """Open the packed cohort; see :func:`open_slices`."""
        self.size = tuple(int(side) for side in job.task["size"])
        self.cohort: Scans | Images
        if about_packed(job.data).get("form") == "scans":
            self.cohort = scans = open_scans(job.data)
            self.channels = 1
            self.values = _organs(job.task.get("organs"), scans)
            every = [
                Case(name, split, row, (z, y, x), (dz, dy, dx))
                for row, (name, split, (x, y, z), (dx, dy, dz)) in enumerate(
                    zip(scans.subjects, scans.splits, scans.shapes, scans.spacings)
                )
            ]
        else:
            self.cohort = images = open_images(job.data)
            self.channels = int(images.images.shape[3])
            self.values = {name: number for number, name in enumerate(images.classes, 1)}
            shape = (1, int(images.masks.shape[1]), int(images.masks.shape[2]))
            every = [
                Case(name, split, row, shape, (1.0, 1.0, 1.0))
                for row, (name, split) in enumerate(zip(images.subjects, images.splits))
            ]
        self.classes = list(self.values)
        self.cases = [case for case in every if case.split in splits]
        if not self.cases:
            raise InputError(
                f"cohort '{self.cohort.name}': nobody is in {', '.join(splits)}; check its split"
            )

    def truth(self, case: Case) -> np.ndarray:
        """Return the true labels (slices, rows, columns), uint8, 1, 2, ... in the order of ``classes``."""
        if isinstance(self.cohort, Scans):
            labels = self.cohort.labels(case.row).transpose(2, 1, 0)
        else:
            labels = self.cohort.masks[case.row][None]
        table = np.zeros(256, np.uint8)
        for number, value in enumerate(self.values.values(), 1):
            table[value] = number
        return table[labels]

    def image(self, case: Case) -> np.ndarray:
        """Return the intensities (slices, rows, columns, channels) in [0, 1], float32."""
        if isinstance(self.cohort, Scans):
            return self.cohort.image(case.row).transpose(2, 1, 0)[..., None].astype(np.float32)
        return self.cohort.images[case.row][None].astype(np.float32) / 255

    def inputs(self, case: Case) -> np.ndarray:
        """Return what networks see of a case, (slices, *size, channels) float16 in [0, 1]."""
        maps = torch.from_numpy(self.image(case)).permute(0, 3, 1, 2)
        return to_size(maps, self.size).clamp(0, 1).permute(0, 2, 3, 1).half().numpy()

    def targets(self, case: Case) -> np.ndarray:
        """Return the true labels at the networks' size, (slices, *size) uint8."""
        maps = torch.from_numpy(self.truth(case))[:, None]
        return to_size(maps, self.size, nearest=True)[:, 0].numpy()


def open_slices(job: Job, *splits: str) -> Slices:
    """Open the cohort of a job, of the form ``scans`` or ``images``.

    Raises:
        InputError: the cohort is of another form, lacks an organ, or has nobody in the splits.
    """
    return Slices(job, *splits)


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


def from_size(labels: Tensor, shape: tuple[int, int]) -> Tensor:
    """Undo :func:`to_size` for labels: (B, h, w) to (B, *shape), by the nearest pixel."""
    above, below, left, right = _margins(*shape, tuple(labels.shape[1:]))
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


def centred(images: Tensor) -> Tensor:
    """Return intensities in [-1, 1] of those in [0, 1]: ``(x - 0.5) / 0.5``."""
    return 2 * images - 1
