"""The objects of a cohort: structures in the slices of its scans, or in its images, one by one."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.cohorts.forms.images.reader import Images
from mlmi2023.cohorts.forms.scans.reader import Scans, divide
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.pe_med.options import Task
from mlmi2023.tasks.segmentation.slices import to_size

#: axis of (X, Y, Z) in RAS order that is cut across, and rows and columns of a slice, from the top left
PLANES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
PARTS = ("train", "val", "test")


class Slice(NamedTuple):
    """A grey image (S, S) in [0, 1], its label values (S, S) uint8, and the row of the cohort."""

    image: np.ndarray
    labels: np.ndarray
    row: int


class Objects:
    """All slices at the networks' size, and the objects in them.

    Attributes:
        job: of whom it is.
        cohort: the packed cohort, opened.
        task: the task's keys.
        organs: names of structures.
        images: (N, S, S) float16 in [0, 1].
        labels: (N, S, S) uint8, label values.
        tables: (organs, 256) bool, which label values a structure has.
        pairs: of each part: (n, 2), the numbers of a slice and of an organ in it.

    Raises:
        InputError: the cohort is of another form or lacks what the task names, or no object is large enough.
    """

    def __init__(self, job: Job, parts: Sequence[str] = PARTS) -> None:
        self.job, self.cohort = job, open_cohort(job.data)
        self.task = options(Task, dict(job.task), "config", "task")
        self.size = (int(self.task.size[0]), int(self.task.size[1]))
        if not isinstance(self.cohort, Scans | Images):
            raise InputError(f"{job.data}: is clicked at, so name a cohort of the form scans or images")
        values = self._values()
        self.organs = list(values)
        self.tables = np.zeros((len(values), 256), bool)
        for table, own in zip(self.tables, values.values()):
            table[own] = True
        dealt = self._dealt()
        kept: list[Slice] = []
        self.pairs: dict[str, np.ndarray] = {}
        for part in parts:
            self.pairs[part] = self._read(kept, dealt[part])
        if "val" in parts and not dealt["val"]:
            # whether a network learns is seen on what it is trained on, where nothing else is left
            self.pairs["val"] = self.pairs["train"]
        for part, pairs in self.pairs.items():
            if not len(pairs):
                raise InputError(
                    f"cohort '{self.cohort.name}': no object for '{part}' of {self.task.least} pixels or "
                    "more; check its split, or lower task.least"
                )
        self.images = np.stack([own.image for own in kept])
        self.labels = np.stack([own.labels for own in kept])
        self.rows = np.array([own.row for own in kept])

    def name(self, number: int) -> str:
        """Return the id of the case that a slice is of."""
        return self.cohort.subjects[self.rows[number]]

    def truth(self, pairs: np.ndarray) -> np.ndarray:
        """Return the objects (n, S, S) bool of pairs (n, 2)."""
        return np.stack([self.tables[organ][self.labels[number]] for number, organ in pairs])

    def tested(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each tested case and its objects (n, 2)."""
        pairs = self.pairs["test"]
        own = self.rows[pairs[:, 0]]
        for row in dict.fromkeys(own.tolist()):
            found = pairs[own == row]
            yield self.cohort.subjects[row], spread_over(found, self.task.tested)

    def held(self) -> np.ndarray:
        """Return the objects (n, 2) that validate."""
        return spread_over(self.pairs["val"], self.task.held)

    def _values(self) -> dict[str, list[int]]:
        """Return label values by the structures' names."""
        cohort = self.cohort
        known = cohort.label_names if isinstance(cohort, Scans) else dict(enumerate(cohort.classes, 1))
        if not self.task.organs:
            if large := [value for value in known if value > 255]:
                raise InputError(
                    f"cohort '{cohort.name}': label {large[0]} is above 255; name what is clicked at by the "
                    "task's key 'organs', or renumber by the cohort's 'read.labels_kept'"
                )
            return {name.lower().replace(" ", "_"): [value] for value, name in known.items()}
        given = {name: own for organ in self.task.organs for name, own in organ.items()}
        values = {name: own if isinstance(own, list) else [own] for name, own in given.items()}
        for name, own in values.items():
            if lost := [value for value in own if value not in known or value > 255]:
                raise InputError(
                    f"cohort '{cohort.name}': no structure has the label {lost[0]} ({name}); its labels are "
                    f"{', '.join(map(str, known))}: change the task's key 'organs'"
                )
        return values

    def _dealt(self) -> dict[str, list[int]]:
        """Return the rows of each part; nobody needs to validate."""
        cohort = self.cohort
        if getattr(cohort, "folds", None) or self.job.fold:
            if not isinstance(cohort, Scans):
                raise InputError(f"cohort '{cohort.name}': folds are for scans; give it a split")
            return divide(cohort, self.job.fold)
        return {part: [r for r, own in enumerate(cohort.splits) if own == part] for part in PARTS}

    def _read(self, kept: list[Slice], rows: Sequence[int]) -> np.ndarray:
        """Add the slices of some rows that have objects; return their pairs (n, 2), organ by organ."""
        pairs = []
        for row in rows:
            for image, labels in self._slices(row):
                counts = np.bincount(labels.ravel(), minlength=256)
                there = np.flatnonzero(self.tables @ counts >= self.task.least)
                pairs += [(len(kept), int(organ)) for organ in there]
                if len(there):
                    kept.append(Slice(image, labels, row))
        return np.array(sorted(pairs, key=lambda own: (own[1], own[0])), np.int64).reshape(-1, 2)

    def _slices(self, row: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        cohort = self.cohort
        if isinstance(cohort, Images):
            grey = cohort.images[row][None].astype(np.float32).mean(3) / 255
            yield from zip(self._grey(grey), self._labels(cohort.masks[row][None]))
            return
        across, down, right = PLANES[self.task.plane]
        labels = np.asarray(cohort.labels(row)).transpose(across, down, right)[:, ::-1, ::-1]
        some = np.flatnonzero(np.isin(labels, np.flatnonzero(self.tables.any(0))).any((1, 2)))
        if not len(some):
            return
        maps = self._labels(labels[some])
        for name in self._modalities(cohort):
            image = cohort.image(row, name).transpose(across, down, right)[some][:, ::-1, ::-1]
            yield from zip(self._grey(np.asarray(image, np.float32)), maps)

    def _modalities(self, cohort: Scans) -> list[str]:
        return cohort.chosen(self.task.modalities) if self.task.modalities else cohort.modalities[:1]

    def _grey(self, images: np.ndarray) -> np.ndarray:
        whole = to_size(torch.from_numpy(images.copy())[:, None], self.size).clamp(0, 1)
        return whole[:, 0].half().numpy()

    def _labels(self, labels: np.ndarray) -> np.ndarray:
        own = np.where(labels < 256, labels, 0).astype(np.uint8)
        return to_size(torch.from_numpy(own)[:, None], self.size, nearest=True)[:, 0].numpy()


def spread_over(pairs: np.ndarray, most: int | None) -> np.ndarray:
    """Return at most so many of the pairs (n, 2), evenly spread over all."""
    if most is None or len(pairs) <= most:
        return pairs
    return pairs[np.linspace(0, len(pairs) - 1, most).astype(int)]


def exclusive(objects: Objects) -> np.ndarray:
    """Return a table (256,) uint8 from label values to 1, 2, ... in the order of organs.

    Raises:
        InputError: a label value is of two organs, so that no one map shows both.
    """
    if (objects.tables.sum(0) > 1).any():
        value = int(np.flatnonzero(objects.tables.sum(0) > 1)[0])
        raise InputError(
            f"method '{objects.job.method}': two structures of task.organs share the label {value}, and an "
            "automatic network gives a pixel one of them alone; leave the method out"
        )
    return (np.arange(1, len(objects.organs) + 1)[:, None] * objects.tables).sum(0).astype(np.uint8)
