"""Images of a cohort on the device, and the random numbers that samples bring."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.labelled_images.reader import open_labelled_images
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.unoranic.corruptions.training import NUMBERS, ROWS, Draw
from mlmi2023.papers.unoranic.options import Task

#: seed of the numbers that images bring which validate, or are tested
FIXED = 1333


class Pictures:
    """The images of a job's cohort.

    Attributes:
        task: the dataset's.
        where: how messages name it.
        cohort: the packed images.
        names: of all images.
        channels: 1 or 3.
        side: rows and columns.
        classes: how many.
    """

    def __init__(self, job: Job) -> None:
        """Open the cohort.

        Raises:
            InputError: images are not square.
        """
        self.task = options(Task, job.task, "config", "task")
        self.where = f"config of paper '{job.paper}': datasets.{job.dataset}"
        self.cohort = open_labelled_images(job.data)
        self.names = self.cohort.subjects
        height, width, self.channels = self.cohort.images.shape[1:]
        if height != width:
            raise InputError(f"{self.where}.cohort: images of {height} x {width} pixels are not square")
        self.side, self.classes = int(height), len(self.cohort.classes)

    def rows(self, split: str) -> np.ndarray:
        """Return the numbers of a split's images, in order."""
        return self.cohort.rows(split)

    def labels(self, split: str) -> np.ndarray:
        """Return the classes of a split's images, (n,)."""
        return self.cohort.labels[self.rows(split)]

    def tensor(self, rows: np.ndarray) -> Tensor:
        """Return images (n, C, H, W) uint8."""
        return torch.from_numpy(np.ascontiguousarray(self.cohort.images[rows].transpose(0, 3, 1, 2)))

    def mean(self) -> Tensor:
        """Return the mean training image, (C, H, W) in [0, 1]."""
        return self.tensor(self.rows("train")).double().mean(0).float() / 255

    def chunks(self, split: str) -> Iterator[tuple[slice, Tensor, Draw]]:
        """Yield batches of a split: their place in it, images uint8, and numbers that are always the same."""
        rows = self.rows(split)
        drawn = fixed_draws(rows, self)
        for start in range(0, len(rows), self.task.val_batch):
            part = slice(start, start + self.task.val_batch)
            draw = Draw(*(torch.from_numpy(drawn[name][part]) for name in Draw._fields))
            yield part, self.tensor(rows[part]), draw


def to_input(images: Tensor) -> Tensor:
    """Return uint8 images as a network's input, in [0, 1]."""
    return images.float() / 255


class Draws(Dataset):
    """Training samples: an image's number, and for each of its variants the random numbers of its corruption.

    Numbers come variant by variant, so that methods with fewer variants see the same first ones.

    Args:
        pictures: of the cohort.
        variants: of each image.
    """

    def __init__(self, pictures: Pictures, variants: int) -> None:
        self.numbers = [int(row) for row in pictures.rows("train")]
        self.grain = (pictures.channels + 1, pictures.side, pictures.side)
        self.variants = variants

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Any]:
        drawn = [(torch.rand(ROWS, NUMBERS), torch.rand(self.grain)) for _ in range(self.variants)]
        numbers, grain = (torch.stack(own) for own in zip(*drawn))
        return {"row": self.numbers[index], "numbers": numbers, "grain": grain}


def draw_of(batch: Mapping[str, Tensor], variant: int) -> Draw:
    """Return the numbers of one variant of a training batch."""
    return Draw(batch["numbers"][:, variant], batch["grain"][:, variant])


def fixed_draws(rows: np.ndarray, pictures: Pictures) -> dict[str, np.ndarray]:
    """Return ``row``, ``numbers`` and ``grain`` of images that validate or are tested, always the same."""
    rng = np.random.default_rng(FIXED)
    grain = (len(rows), pictures.channels + 1, pictures.side, pictures.side)
    return {
        "row": np.asarray(rows, np.int64),
        "numbers": rng.random((len(rows), ROWS, NUMBERS), np.float32),
        "grain": rng.random(grain, np.float32),
    }
