"""Glands as networks see them: slices of T2 and ADC around the gland, each with its neighbours."""

from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor, nn

from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.cohorts.forms.scans.spacing import respaced
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.prostate_cancer_ms.model import Members
from mlmi2023.papers.prostate_cancer_ms.options import Task
from mlmi2023.papers.prostate_cancer_ms.standardise import Standard
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.cases import Samples

CLASSES = ("indolent", "aggressive")
#: slices of a sample: the one below, its own, the one above
NEAR = (-1, 0, 1)


class Glands(Cases):
    """The patients of a cohort of the form ``scans`` with images of T2, of ADC, and of the gland.

    A case is (slices, rows, columns): the slices that show the gland, resampled in plane to the task's
    ``pixel`` and cut to its ``size`` around the gland. Labels are 1 indolent and 2 aggressive, within the
    gland.

    Raises:
        InputError: the cohort is of another form, lacks an image, or has other labels.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_scans(job.data)
        self.task = options(Task, job.task, f"config of paper '{job.paper}'", "task")
        self.classes, self.size = list(CLASSES), tuple(self.task.size)
        self.names = self.cohort.chosen([self.task.t2, self.task.adc, self.task.gland])
        self.channels = 2 * len(NEAR)
        if other := sorted(set(self.cohort.label_names) - {1, 2}):
            raise InputError(
                f"cohort '{self.cohort.name}' has the label {other[0]}; lesions are 1 indolent and 2 "
                "aggressive: renumber them by the cohort's key read.labels_kept"
            )
        self._read: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    @property
    def pool(self) -> list[int]:
        """The patients that are dealt into folds.

        Raises:
            InputError: a split of the task's key ``pool`` has nobody, or one that is tested.
        """
        tested = set(self.rows("test"))
        for split in self.task.pool:
            own = self.cohort.rows(split)
            if not own or tested & set(own):
                holds = "tested patients" if own else "nobody"
                raise InputError(
                    f"config key task.pool names '{split}', which has {holds} in cohort "
                    f"'{self.cohort.name}'; name training splits"
                )
        return self.cohort.rows(*self.task.pool)

    def maps(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return T2 and ADC (slices + 2, rows, columns, 2) float32, gland and labels (slices, rows, columns).

        Images have one slice more below and above, repeated where the scan ends.
        """
        if row not in self._read:
            self._read[row] = self._cut(row)
        return self._read[row]

    def _cut(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scans, pixel = self.cohort, self.task.pixel
        old = scans.spacings[row]
        new = (pixel, pixel, old[2])

        def flat(volume: np.ndarray, nearest: bool = False) -> np.ndarray:
            return respaced(np.asarray(volume), old, new, nearest=nearest).transpose(2, 1, 0)

        gland = flat(np.asarray(scans.image(row, self.names[2])) > 0.5, nearest=True)
        if not gland.any():
            raise InputError(
                f"cohort '{scans.name}': the gland of {scans.subjects[row]} is empty; check its mask"
            )
        box = [(int(own.min()), int(own.max()) + 1) for own in np.nonzero(gland)]
        for (low, high), side in zip(box[1:], self.size):
            if high - low > side:
                raise InputError(
                    f"cohort '{scans.name}': the gland of {scans.subjects[row]} is {high - low} pixels of "
                    f"{pixel:g} mm wide, task.size {side}; raise task.size or task.pixel"
                )
        first, last = box[0]
        slices = np.clip(np.arange(first - 1, last + 1), 0, len(gland) - 1)
        images = np.stack(
            [around(flat(scans.image(row, name))[slices], box[1:], self.size) for name in self.names[:2]], -1
        )
        inside = around(gland[first:last], box[1:], self.size)
        labels = around(flat(scans.labels(row), nearest=True)[first:last], box[1:], self.size)
        return images, inside.astype(bool), np.where(inside, labels, 0).astype(np.uint8)

    @cached_property
    def standards(self) -> tuple[Standard, Standard]:
        """The scales of T2 and ADC, learned from training patients alone."""
        found = []
        for number, name in enumerate(self.names[:2]):
            values = []
            for row in self.pool:
                images, gland, _ = self.maps(row)
                values.append(images[1:-1, ..., number][gland])
            found.append(Standard(values, name))
        return found[0], found[1]

    def image(self, row: int) -> np.ndarray:
        """Return standardised T2 and ADC, (slices + 2, rows, columns, 2) float32."""
        images, gland, _ = self.maps(row)
        wide = np.pad(gland, ((1, 1), (0, 0), (0, 0)))
        return np.stack(
            [
                standard(images[..., number], wide, self.task.clip, f"{self.name(row)}, {self.names[number]}")
                for number, standard in enumerate(self.standards)
            ],
            -1,
        )

    def gland(self, row: int) -> np.ndarray:
        """Return the gland, (slices, rows, columns) boolean."""
        return self.maps(row)[1]

    def shape(self, row: int) -> tuple[int, ...]:
        """Return slices, rows and columns."""
        return self.gland(row).shape

    def spacing(self, row: int) -> tuple[float, ...]:
        """Return mm between slices, rows and columns."""
        return self.cohort.spacings[row][2], self.task.pixel, self.task.pixel

    def truth(self, row: int) -> np.ndarray:
        """Return the true labels (slices, rows, columns), 0 outside the gland."""
        return self.maps(row)[2]

    def inputs(self, row: int) -> np.ndarray:
        """Return the samples of all slices, (slices, rows, columns, 7): T2, ADC, each three slices; gland."""
        image = self.image(row)
        near = [image[1 + k : len(image) - 1 + k] for k in NEAR]
        parts = [own[..., number] for number in range(2) for own in near]
        return np.stack([*parts, self.gland(row).astype(np.float32)], -1).astype(np.float16)

    def samples(self, select: str, augment: Any) -> Samples:
        """Not used: folds make their samples, see :mod:`.folds`."""
        raise NotImplementedError

    def answer(self, net: nn.Module, image: Tensor) -> Tensor:
        """Return mean probabilities over folds (slices, 3, rows, columns), normal outside the gland."""
        assert isinstance(net, Members)
        return net(image)


def around(volume: np.ndarray, box: list[tuple[int, int]], size: tuple[int, ...]) -> np.ndarray:
    """Return slices (Z, rows, columns) cut to ``size`` around a box, padded with zeros where they end.

    Args:
        volume: the slices.
        box: first row and the one after the last, columns the same.
        size: rows and columns.
    """
    for axis, ((low, high), side) in enumerate(zip(box, size), 1):
        start = (low + high - side) // 2
        stop, length = start + side, volume.shape[axis]
        volume = np.take(volume, np.arange(max(start, 0), min(stop, length)), axis)
        missing = [(0, 0)] * volume.ndim
        missing[axis] = (max(-start, 0), max(stop - length, 0))
        volume = np.pad(volume, missing)
    return volume
