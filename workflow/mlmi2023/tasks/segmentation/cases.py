"""What a segmentation network sees of a cohort's cases, and how its answers come back to be judged."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.scans.reader import divide
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.segmentation.module import finest


class Samples(NamedTuple):
    """What a training is fed with.

    Attributes:
        source: turns batches into network input and target, see :class:`.module.Segmentation`.
        train: training samples.
        val: validation batches, None without.
        held: number of validation cases.
    """

    source: nn.Module
    train: Dataset
    val: Dataset | None
    held: int


class Cases(ABC):
    """The cases of a packed cohort as a task wants them; a case is an image or a scan.

    Attributes:
        job: of whom it is.
        cohort: the packed cohort, opened.
        classes: names of the structures, labelled 1, 2, ...
        channels: of the network's input.
        size: of the network's input, rows and columns or T, H, W.
        together: how many cases go through a network in one go.
    """

    job: Job
    cohort: Any
    classes: list[str]
    channels: int
    size: tuple[int, ...]
    together: int = 1

    def rows(self, part: str) -> list[int]:
        """Return the cases of ``train``, ``val`` or ``test``, in order.

        Splits say so, by these words or those of the task's keys ``val`` and ``tested``; folds where the
        cohort has some, see :func:`mlmi2023.cohorts.forms.scans.reader.divide`.

        Raises:
            InputError: there is none, or no such fold.
        """
        task, cohort = self.job.task, self.cohort
        val, tested = str(task.get("val", "val")), list(task.get("tested", ["test"]))
        if self.job.fold and not getattr(cohort, "folds", None):
            raise InputError(
                f"cohort '{cohort.name}' has no folds, the paper's config wants some; set the cohort's key "
                "'folds'"
            )
        if getattr(cohort, "folds", None):
            return divide(cohort, self.job.fold, val, tested)[part]
        splits = {"val": [val], "test": tested}.get(part, [part])
        found = [row for row, split in enumerate(cohort.splits) if split in splits]
        if not found:
            raise InputError(f"cohort '{cohort.name}': nobody is in {', '.join(splits)}; check its split")
        return found

    def name(self, row: int) -> str:
        """Return the id of a case."""
        return self.cohort.subjects[row]

    def spacing(self, row: int) -> tuple[float, ...]:
        """Return the voxel size along the axes of :meth:`truth`, mm; 1 for images."""
        return (1.0,) * len(self.shape(row))

    @abstractmethod
    def shape(self, row: int) -> tuple[int, ...]:
        """Return the shape in which a case is judged."""

    @abstractmethod
    def truth(self, row: int) -> np.ndarray:
        """Return the true labels in that shape, uint8."""

    @abstractmethod
    def inputs(self, row: int) -> np.ndarray:
        """Return what the network sees, (n, *size, channels); n is 1, or the number of slices."""

    @abstractmethod
    def samples(self, select: str, augment: Any) -> Samples:
        """Return what a training is fed with.

        Args:
            select: the part that picks the weights.
            augment: configuration of the augmentation.
        """

    def prepare(self, image: Tensor) -> Tensor:
        """Return network input of float32 images (n, channels, *size) on the device."""
        return image

    def targets(self, row: int) -> Tensor:
        """Return the true labels as the network is asked for them, (n, *size)."""
        return torch.from_numpy(np.array(self.truth(row)))[None]

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return labels or chances (n, *size) in the shape in which the case is judged."""
        return found[0].numpy()

    def infer(self, net: nn.Module, image: Tensor) -> Tensor:
        """Return the logits of a validation batch."""
        return finest(net(image))

    def answer(self, net: nn.Module, image: Tensor) -> Tensor:
        """Return the logits of a tested batch; validation's unless overridden."""
        return self.infer(net, image)


def many(rows: Sequence[int], step: int) -> list[Sequence[int]]:
    """Return ``rows`` in pieces of ``step``."""
    return [rows[start : start + step] for start in range(0, len(rows), step)]
