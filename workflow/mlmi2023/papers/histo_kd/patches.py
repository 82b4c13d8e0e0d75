"""Patches of a cohort: what each view of them is, and what they are labelled with."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.tissue.reader import open_tissue
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.histo_kd.augment import DRAWS, augmented
from mlmi2023.papers.histo_kd.options import Target, Task, View
from mlmi2023.papers.histo_kd.views import coarse, cropped

#: the target that embeddings are judged by where a task has none
TISSUE = "tissue"


class Patches:
    """The patches of a job's cohort.

    Attributes:
        task: the dataset's.
        where: how messages name it.
        cohort: the packed patches.
        names: of all patches.
        splits: (N,) of all patches.
    """

    def __init__(self, job: Job) -> None:
        """Open the cohort.

        Raises:
            InputError: it cannot serve the task.
        """
        self.task = options(Task, job.task, "config", "task")
        self.where = f"config of paper '{job.paper}': datasets.{job.dataset}"
        self.cohort = open_tissue(job.data)
        self.names, self.splits = self.cohort.subjects, np.array(self.cohort.splits)
        height, width = self.cohort.images.shape[1:3]
        if height != width:
            raise InputError(
                f"{self.where}.cohort: patches of {height} x {width} pixels are not square; set the cohort's "
                "'read.size' or 'read.tiles'"
            )
        if "partner" in self.task.pair and not self.cohort.paired:
            raise InputError(f"{self.where}.task.pair: the cohort has no second stain; choose another view")
        needs_map = any(target.of == "cells" for target in (self.task.targets or {}).values())
        if needs_map or "map" in self.task.pair:
            self.cells()
        self._labels: dict[str, tuple[np.ndarray, list[str]]] = {}

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.names)

    def rows(self, split: str) -> np.ndarray:
        """Return the numbers of a split's patches, in order."""
        return np.flatnonzero(self.splits == split)

    def cells(self) -> tuple[np.ndarray, list[str]]:
        """Return the class map of cells, (N, H, W), and the names of its classes 1, 2, ...

        Raises:
            InputError: the cohort has none of that name.
        """
        name, known = self.task.map, self.cohort.maps
        if name not in known:
            raise InputError(
                f"{self.where}.task.map: the cohort has no class map '{name}'; it has "
                f"{', '.join(known) or 'none'}"
            )
        return known[name], self.cohort.classes[name]

    def view(self, view: View, rows: Tensor, device: torch.device) -> Tensor:
        """Return a view of some patches, (B, 3, H, W) in [0, 1].

        A class map is its value by the number of classes, and like the second stain three times the same.
        """
        if view in ("partner", "map"):
            cells = self.cells() if view == "map" else None
            array, most = (cells[0], len(cells[1])) if cells else (self.partners(), 255)
            grey = _taken(array, rows, device) / most
            return grey[:, None].expand(-1, 3, -1, -1)
        x = _taken(self.cohort.images, rows, device).permute(0, 3, 1, 2) / 255
        if view == "crop":
            return cropped(x, self.task.crop)
        return coarse(x, self.task.down) if view == "down" else x

    def partners(self) -> np.ndarray:
        """Return the second stain, (N, H, W) uint8."""
        return next(iter(self.cohort.paired.values()))

    def drawn(self, view: View, rows: Tensor, draw: Tensor, device: torch.device) -> Tensor:
        """Return a view of some patches, augmented; ``draw`` is (B, DRAWS)."""
        return augmented(self.view(view, rows, device), draw, self.task.augment, view == "map")

    def labels(self, target: str) -> tuple[np.ndarray, list[str]]:
        """Return the class of each patch, (N,), and the names of the classes.

        Raises:
            InputError: the cohort does not have what the target asks for.
        """
        if target not in self._labels:
            own = {TISSUE: Target(of="tissue"), **(self.task.targets or {})}
            self._labels[target] = self._found(target, own[target])
        return self._labels[target]

    def _found(self, target: str, own: Target) -> tuple[np.ndarray, list[str]]:
        at = f"{self.where}.task.targets.{target}"
        if own.of == "tissue":
            if (self.cohort.labels < 0).any():
                raise InputError(f"{at}: patches have no kind of tissue; set the cohort's 'read.tissues'")
            return self.cohort.labels, self.cohort.tissue_names
        if own.of == "cells":
            maps, classes = self.cells()
            return most_frequent_structures(maps, len(classes)), ["none", *classes]
        if self.cohort.nuclei is None:
            raise InputError(f"{at}: the cohort has no single nuclei; set its 'read.nuclei'")
        counts = np.array([int((np.unique(nuclei) > 0).sum()) for nuclei in self.cohort.nuclei])
        edges = np.quantile(counts[self.rows("train")], np.arange(1, own.bins) / own.bins)
        if len(np.unique(edges)) < len(edges):
            raise InputError(f"{at}.bins: {own.bins} classes of density have the same bounds; lower it")
        return np.searchsorted(edges, counts, side="right"), [f"density {k + 1}" for k in range(own.bins)]

    def judged_by(self) -> list[str]:
        """Return by which targets an embedding is judged: the task's, or else tissue; none without labels."""
        if self.task.targets:
            return list(self.task.targets)
        return [TISSUE] if len(self.cohort.tissue_names) > 1 and (self.cohort.labels >= 0).all() else []

    def known(self, target: str) -> np.ndarray:
        """Return the class of each patch, (N,), -1 for tested ones: for training and selection."""
        return np.where(self.splits == "test", -1, self.labels(target)[0])


def _taken(array: np.ndarray, rows: Tensor, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array[rows.cpu().numpy()])).to(device).float()


def most_frequent_structures(maps: np.ndarray, classes: int) -> np.ndarray:
    """Return the class with most connected structures in each map, (N,); 0 for an empty one.

    Args:
        maps: (N, H, W), 0 for the background.
        classes: 1, 2, ... of them; of classes with as many the lower one is taken.
    """
    found = np.zeros(len(maps), int)
    for row, own in enumerate(maps):
        counts = [0] * (classes + 1)
        for value in np.unique(own[own > 0]):
            counts[int(value)] = int(ndimage.label(own == value)[1])
        found[row] = int(np.argmax(counts))
    return found


class Draws(Dataset):
    """Training samples: a patch's number, and the random numbers of the augmentation of both its views.

    Args:
        rows: the patches to draw from.
    """

    def __init__(self, rows: Sequence[int] | np.ndarray) -> None:
        self.numbers = [int(row) for row in rows]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"row": self.numbers[index], "draw": torch.rand(2, DRAWS)}


def fixed_draws(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return ``row`` and ``draw``, the same every time, of patches that validate or are tested."""
    draw = np.random.default_rng(2023).random((len(rows), 2, DRAWS), np.float32)
    return {"row": np.asarray(rows, np.int64), "draw": draw}
