"""The frames of a cohort with one centre left out, as networks see them and as they are judged."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.schemas import suggest
from mlmi2023.papers.colonoscopy_aug.keeping import keep_maps
from mlmi2023.papers.colonoscopy_aug.source import MORE, MaskedFrames, normalised
from mlmi2023.tasks import domains
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.training.data.augment2d import DRAWS, Augment2D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.images import DrawnRows

Door = Literal["training", "testing", "truth"]
DOORS = {"training": domains.training, "testing": domains.testing, "truth": domains.truth}


def left_out(job: Job) -> str:
    """Return the centre that the job's fold leaves out.

    Raises:
        InputError: there are fewer centres than folds.
    """
    centres = job.task["left_out"]
    if job.fold >= len(centres):
        raise InputError(
            f"config of paper '{job.paper}': task.left_out names {len(centres)} centres, and there is a fold "
            f"{job.fold}; lower 'folds'"
        )
    return str(centres[job.fold])


def view_of(job: Job, door: Door) -> domains.View:
    """Return what a link of the chain may see; see :mod:`mlmi2023.tasks.domains`.

    Raises:
        InputError: the cohort lacks the centre, or a map that the task names.
    """
    task = {"targets": [left_out(job)], "val": job.task.get("val", 0.2)}
    task["split_seed"] = job.task.get("split_seed", "seed")
    view = DOORS[door](replace(job, task=task))
    for key in ("truth", "overlays", "view"):
        name = job.task.get(key, "masks" if key == "truth" else None)
        if name is not None and name not in view.maps:
            raise InputError(
                f"config of paper '{job.paper}': key task.{key} names the map '{name}'"
                f"{suggest(str(name), list(view.maps))}"
            )
    return view


class Drawn(DrawnRows):
    """Training samples: a row, and random numbers for augmentation, colours and masking."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"row": self.rows[index], "draw": torch.rand(DRAWS + MORE)}


class Frames(Cases):
    """Frames (N, H, W, 3) uint8 and masks (N, H, W) of one structure.

    Args:
        job: its task has the keys of :class:`~mlmi2023.papers.colonoscopy_aug.options.Task`.
        door: of which labels may be seen: those of sources, none, or those of tested frames.

    Raises:
        InputError: the cohort cannot serve.
    """

    together = 16

    def __init__(self, job: Job, door: Door) -> None:
        self.job, self.view, self.centre = job, view_of(job, door), left_out(job)
        self.cohort = self.view
        name = job.task.get("truth", "masks")
        self.labels, self.classes = self.view.maps[name], self.view.classes[name][:1]
        self.size, self.channels = self.view.images.shape[1:3], 3

    def rows(self, part: str) -> list[int]:
        """Return the frames of ``train``, ``val`` or ``test``, in order."""
        return list(getattr(self.view.parts, part))

    def name(self, row: int) -> str:
        """Return the id of a frame."""
        return self.view.names[row]

    def shape(self, row: int) -> tuple[int, ...]:
        """Return rows and columns."""
        return self.size

    def truth(self, row: int) -> np.ndarray:
        """Return the labels (H, W); refused where the door shows none."""
        return (np.asarray(self.labels[row]) == 1).astype(np.uint8)

    def inputs(self, row: int) -> np.ndarray:
        """Return the frame, (1, H, W, 3) uint8."""
        return self.view.images[row][None]

    def prepare(self, image: Tensor) -> Tensor:
        """Normalise."""
        return normalised(image / 255, self.job.method_options.get("model") == "sdnet")

    def samples(self, select: str, augment: Any) -> Samples:
        """Return all frames on the device, masked as the method's key ``mask`` says."""
        train, held = self.job.train, self.rows(select)
        masks = np.zeros(self.view.images.shape[:3], np.uint8)
        known = [*self.rows("train"), *held]
        masks[known] = [self.truth(row) for row in known]
        source = MaskedFrames(
            self.view.images,
            masks,
            keep_maps(self.job, self.view, self.rows("train")),
            Augment2D.from_config(augment),
            train.get("jitter") or {},
            self.job.method_options.get("mask"),
            self.job.method_options["model"] == "sdnet",
        )
        at_once = int(train.get("val_batch", 16))
        return Samples(source, Drawn(self.rows("train")), RowChunks(held, at_once), len(held))


def some_of_each(view: domains.View, rows: Sequence[int], count: int) -> list[int]:
    """Return ``count`` rows of each centre, spread over its own, centre by centre."""
    found = []
    for centre in dict.fromkeys(view.domains):
        own = [row for row in rows if view.domains[row] == centre]
        found += [own[int(n)] for n in np.linspace(0, len(own) - 1, min(count, len(own)))] if own else []
    return found
