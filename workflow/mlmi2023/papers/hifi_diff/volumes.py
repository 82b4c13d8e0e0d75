"""The volumes of a cohort, row by row along the axis whose slices are thick."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.hifi_diff.spacing import Thick, thick_slices

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


class Volumes:
    """A packed cohort as the paper's methods see it.

    Args:
        job: whose ``data`` is the cohort; ``task`` has ``modality``, ``plane`` (of the slices),
            ``profile`` (how thick slices are formed) and ``tissues``: name -> label values, single or
            [first, last].

    Attributes:
        rows: N, along the thick axis.
        size: (H, W) of a row.
        tissues: names of the tissues; their labels are 1, 2, ...
    """

    def __init__(self, job: Job) -> None:
        self.packed = open_packed(job.data)
        self.task = job.task
        self.images = self.packed.images(self.task["modality"])
        self.axis = AXES[self.task["plane"]]
        shape = list(self.packed.shape)
        self.rows = shape.pop(self.axis)
        self.size = (shape[0], shape[1])
        self.tissues = list(self.task.get("tissues") or {})

    def indices(self, split: str) -> list[int]:
        """Return the volumes of a split.

        Raises:
            InputError: it is empty, unless it is ``val``.
        """
        found = self.packed.indices(split)
        if not found and split != "val":
            raise InputError(
                f"cohort '{self.packed.name}' has nobody in its split '{split}'; change the cohort's split"
            )
        return found

    def name(self, index: int) -> str:
        """Return a volume's subject."""
        return self.packed.subjects[index]

    def thick(self, factor: int) -> Thick:
        """Return how rows become thick slices at a factor."""
        profile = self.task["profile"]
        width = profile["taps"] if profile["kind"] == "fir" else profile.get("thickness", 1.0)
        return thick_slices(self.rows, int(factor), profile["kind"], float(width))

    def part(self, index: int, where: slice = slice(None)) -> Tensor:
        """Return rows of a volume, (n, H, W) float32 in [0, 1]."""
        return torch.from_numpy(self._cut(self.images[index], where).astype(np.float32))

    def stack(self, index: int, factor: int) -> Tensor:
        """Return the thick slices of a volume, (M, H, W) float32."""
        return self.thick(factor).operator(self.part(index), 0)

    def truth(self, index: int, factor: int) -> Tensor:
        """Return the rows that thick slices cover, (R, H, W) float32."""
        return self.part(index, self.thick(factor).covered)

    def labels(self, index: int, where: slice = slice(None)) -> Tensor:
        """Return tissue labels of rows, (n, H, W) uint8: 0, or the number of the tissue from 1 on.

        Raises:
            InputError: the cohort has no labels.
        """
        given = self.packed.labels
        if given is None:
            raise InputError(
                f"cohort '{self.packed.name}' has no labels; give it some, or take the method 'segmenter' "
                "and every key 'uses' that names it out of the config"
            )
        own = self._cut(given[index], where)
        made = np.zeros(own.shape, np.uint8)
        for number, values in enumerate(self.task["tissues"].values(), 1):
            made[np.isin(own, [value for item in values for value in _spread(item)])] = number
        return torch.from_numpy(made)

    def _cut(self, volume: Any, where: slice) -> np.ndarray:
        return np.moveaxis(np.asarray(volume[(slice(None),) * self.axis + (where,)]), self.axis, 0)


def _spread(item: Any) -> range:
    first, last = (item, item) if isinstance(item, int) else item
    return range(first, last + 1)
