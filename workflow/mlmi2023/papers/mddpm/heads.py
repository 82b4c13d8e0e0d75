"""Axial slices of the packed heads: foreground, lesions, and who trains and validates."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.find.folds import stratified_folds
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.mddpm.inserted import with_anomalies
from mlmi2023.papers.mddpm.options import Anomalies, Healthy


class Head(NamedTuple):
    """A head, axial slices first.

    Attributes:
        name: the subject.
        image: (S, H, W) float32 in [0, 1]; rows go from right to left, columns to the front.
        brain: (S, H, W) bool.
        lesions: (S, H, W) bool.
    """

    name: str
    image: np.ndarray
    brain: np.ndarray
    lesions: np.ndarray


class Heads:
    """The heads of a job's cohort.

    Attributes:
        cohort: the packed volumes.
        task: the keys of the task, complete.
        spacing: mm along slices, rows and columns.
    """

    def __init__(self, job: Job) -> None:
        self.cohort = open_packed(Path(job.data))
        self.task: Any = options(
            Healthy if job.task["kind"] == "healthy" else Anomalies, job.task, "config", "task"
        )
        x, y, z = self.cohort.spacing
        self.spacing = (z, x, y)
        self._seed = job.seed

    def rows(self, split: str) -> list[int]:
        """Return the rows of a split; with ``task.folds``, the fold of the run's seed validates.

        Raises:
            InputError: nobody is in it.
        """
        folds = getattr(self.task, "folds", None)
        if folds and split in ("train", "val"):
            pool = [*self.cohort.indices("train"), *self.cohort.indices("val")]
            names = [self.cohort.subjects[row] for row in pool]
            dealt = stratified_folds("config", [0] * len(pool), names, folds, self.task.fold_seed)
            held = self._seed % folds
            rows = [row for row, own in zip(pool, dealt) if (own == held) == (split == "val")]
        else:
            rows = self.cohort.indices(split)
        if not rows:
            raise InputError(f"cohort '{self.cohort.name}': nobody in split '{split}'; check its split")
        return rows

    def head(self, row: int) -> Head:
        """Return a head, with all its slices."""
        image = _axial(self.cohort.images(self.task.image)[row], np.float32)
        # what is darkest is 0 after scaling, inside of the brain too
        brain = ndimage.binary_fill_holes(image > 0)
        labels, insert = self.cohort.labels, getattr(self.task, "insert", None)
        values = list(getattr(self.task, "lesions", ()))
        lesions = np.zeros(image.shape, bool)
        if insert is not None:
            image, lesions = with_anomalies(image, brain, self.spacing, insert, self.cohort.subjects[row])
        elif values:
            if labels is None:
                raise InputError(
                    f"cohort '{self.cohort.name}' has no labels of lesions; give its key 'labels', or set "
                    "task.insert to put anomalies into healthy heads"
                )
            lesions = np.isin(_axial(labels[row], np.int64), values)
        parts = (fitted(part, self.task.size) for part in (image, brain, lesions))
        return Head(self.cohort.subjects[row], *parts)

    def heads(self, rows: Sequence[int]) -> Iterator[Head]:
        """Yield heads one after the other."""
        return map(self.head, rows)

    def shown(self, head: Head) -> np.ndarray:
        """Return which slices have enough foreground, (S,) bool."""
        return head.brain.mean((1, 2)) >= self.task.least  # type: ignore[no-any-return]


def _axial(volume: np.ndarray, kind: Any) -> np.ndarray:
    """Return (X, Y, Z) as (Z, X, Y)."""
    return np.ascontiguousarray(np.moveaxis(np.asarray(volume, kind), 2, 0))


def fitted(volume: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Return slices (S, H, W) padded with zeros, or cut, around their middle to ``size``."""
    if size is None:
        return volume
    for axis, wanted in enumerate(size, 1):
        have = volume.shape[axis]
        before = abs(have - wanted) // 2
        if have > wanted:
            volume = np.take(volume, range(before, before + wanted), axis)
        elif have < wanted:
            pad = [(0, 0)] * 3
            pad[axis] = (before, wanted - have - before)
            volume = np.pad(volume, pad)
    return volume


class HealthySlices(nn.Module):
    """Slices on the module's device, in their own small type.

    Args:
        heads: the cohort.
        split: ``train``, ``val`` or ``test``.

    Attributes:
        keys: subject and slice of each.
        first: of each head, the number of its first slice here; one more than heads.
    """

    images: Tensor
    brains: Tensor

    def __init__(self, heads: Heads, split: str) -> None:
        super().__init__()
        images, brains, self.keys, self.first = [], [], [], [0]
        for head in heads.heads(heads.rows(split)):
            places = np.flatnonzero(heads.shown(head))
            images.append(head.image[places].astype(np.float16))
            brains.append(head.brain[places])
            self.keys += [(head.name, int(place)) for place in places]
            self.first.append(len(self.keys))
        if not self.keys:
            raise InputError(f"no slice has {heads.task.least:g} foreground; lower config key task.least")
        self.register_buffer("images", torch.from_numpy(np.concatenate(images)[:, None]), persistent=False)
        self.register_buffer("brains", torch.from_numpy(np.concatenate(brains)[:, None]), persistent=False)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return slices (B, 1, H, W) float32 in [0, 1] and their foreground, bool."""
        return self.images[rows].float(), self.brains[rows]

    def some(self, count: int) -> np.ndarray:
        """Return the numbers of at most so many slices, spread over all."""
        return np.unique(np.linspace(0, len(self.keys) - 1, count).astype(np.int64))

    def grey(self) -> float:
        """Return the mean over the foreground."""
        return float(self.images.float()[self.brains].mean())

    def grey_error(self, rows: np.ndarray, grey: float) -> float:
        """Return the mean over slices of the mean absolute difference to one grey, in the foreground."""
        image, brain = self.take(torch.from_numpy(rows))
        return float(brain_error(image, torch.full_like(image, grey), brain).mean())


def brain_error(image: Tensor, found: Tensor, brain: Tensor) -> Tensor:
    """Return the mean absolute difference in the foreground of each slice, (B,)."""
    return ((image - found).abs() * brain).sum((1, 2, 3)) / brain.sum((1, 2, 3)).clamp_min(1)


class Drawn(Dataset):
    """Slices drawn evenly with replacement; an epoch is as long as there are slices."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, int]:
        return {"row": int(torch.randint(self.count, ()))}
