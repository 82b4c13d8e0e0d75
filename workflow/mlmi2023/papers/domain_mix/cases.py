"""Images of a run across domains, through one of the doors of :mod:`mlmi2023.tasks.domains`."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest
from mlmi2023.papers.domain_mix.options import Learned, Task
from mlmi2023.papers.domain_mix.samples import Drawn, Pictures
from mlmi2023.tasks.domains import View
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.tasks.segmentation.resized import resized
from mlmi2023.training.data.augment2d import Augment2D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import normaliser

#: part of a cohort that each pool is: SDD, FSTDD and UTDD; and the key that says how large the part is
POOLS = {"source": "train", "shots": "target_labelled", "unlabelled": "target_unlabelled"}
KEY_OF = {"source": "sources", "shots": "shots", "unlabelled": "unlabelled"}


class DomainCases(Cases):
    """Images and the label map that the task names.

    Args:
        job: of the paper.
        door: :func:`~mlmi2023.tasks.domains.training`, ``testing`` or ``truth``: what may be seen.

    Raises:
        InputError: the cohort has no such map, or not the domains, or its structures are others.
    """

    together = 16

    def __init__(self, job: Job, door: Callable[[Job], View]) -> None:
        shots = job.method_options.get("shots")
        self.job = job if shots is None else replace(job, task={**job.task, "shots": shots})
        self.task = options(Task, self.job.task, "config", "task")
        self.view = door(self.job)
        where = f"config of paper '{job.paper}': datasets.{job.dataset}.task"
        if self.task.map not in self.view.maps:
            raise InputError(
                f"{where}: map is '{self.task.map}'{suggest(self.task.map, list(self.view.maps))}"
            )
        self.labels, self.classes = self.view.maps[self.task.map], list(self.view.classes[self.task.map])
        self.structures = self.task.structures or self.classes
        if len(self.structures) != len(self.classes):
            raise InputError(
                f"{where}: structures names {len(self.structures)}, the map has {', '.join(self.classes)}"
            )
        self.channels = int(self.view.images.shape[3])
        self.size = self.task.size or self.shape(0)

    def rows(self, part: str) -> list[int]:
        """Return the tested images, or those of another part."""
        return list(getattr(self.view.parts, part))

    def name(self, row: int) -> str:
        """Return the id of an image."""
        return self.view.names[row]

    def shape(self, row: int) -> tuple[int, ...]:
        """Return rows and columns of the cohort's images, at which they are judged."""
        return tuple(self.view.images.shape[1:3])

    def truth(self, row: int) -> np.ndarray:
        """Return the labels (H, W).

        Raises:
            HiddenLabelError: they are not to be seen through this door.
        """
        return self.labels[row]  # type: ignore[no-any-return]

    def inputs(self, row: int) -> np.ndarray:
        """Return the image, (1, *size, C) uint8."""
        return self.pictures([row])

    def pictures(self, rows: list[int]) -> np.ndarray:
        """Return images (n, *size, C) uint8."""
        images = np.array(self.view.images[rows])
        if self.size == images.shape[1:3]:
            return images
        return resized(images, np.zeros((0, *self.size), np.uint8), (int(self.size[0]), int(self.size[1])))[0]

    def masks(self, rows: list[int]) -> np.ndarray:
        """Return labels (n, *size), by the nearest pixel."""
        if not rows:
            return np.zeros((0, *self.size), np.uint8)
        found = torch.from_numpy(self.labels.of(rows))[:, None].float()
        return F.interpolate(found, size=list(self.size), mode="nearest-exact")[:, 0].byte().numpy()

    @cached_property
    def normalise(self) -> Callable[[Tensor], Tensor]:
        """What turns pixels into a network's input; fitted to training images of the source."""
        source = self.rows("train")
        return normaliser(self.task.normalise, self.pictures(source), range(len(source)))

    def prepare(self, image: Tensor) -> Tensor:
        """Normalise."""
        return self.normalise(image)

    def targets(self, row: int) -> Tensor:
        """Return the labels as the network is asked for them, (1, *size)."""
        return torch.from_numpy(self.masks([row]))

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return labels (1, *size) in the shape of the cohort's images, by the nearest pixel."""
        labels = F.interpolate(found[:, None].float(), size=self.shape(row), mode="nearest-exact")
        return labels[0, 0].byte().numpy()

    def samples(self, select: str, augment: Any) -> Samples:
        """Return the pools that the method learns from; all of ``select`` validate.

        Raises:
            InputError: a pool that the method draws from is empty.
        """
        keys = options(Learned, dict(self.job.method_options), "config", f"methods.{self.job.method}")
        pools = {name: self.rows(part) for name, part in POOLS.items()}
        asked = [*keys.learn, *((*keys.mix.origins, *keys.mix.to) if keys.mix else ())]
        for name in asked:
            if not pools[name]:
                raise InputError(
                    f"config of paper '{self.job.paper}': method '{self.job.method}' draws from the pool "
                    f"'{name}', which is empty; raise the task's key {KEY_OF[name]}"
                )
        held = self.rows(select)
        used = sorted({row for name in asked for row in pools[name]} | set(held))
        labelled = self.view.parts.with_labels
        source = Pictures(
            self.pictures(used),
            self.masks([row for row in used if row in labelled]),
            [number for number, row in enumerate(used) if row in labelled],
            self.normalise,
            Augment2D.from_config(augment),
        )
        place = {row: number for number, row in enumerate(used)}
        own = {name: [place[row] for row in rows if row in place] for name, rows in pools.items()}
        at_once = int(self.job.train.get("val_batch", 16))
        return Samples(source, Drawn(keys, own), RowChunks([place[row] for row in held], at_once), len(held))
