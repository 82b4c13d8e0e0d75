"""Patients with a class, in folds; networks of all folds belong to one run (Table 3)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.find.folds import hold_out
from mlmi2023.cohorts.forms.classed_scans.reader import open_classed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest
from mlmi2023.papers.magnet.options import MethylationTask
from mlmi2023.papers.magnet.subsets import drawn
from mlmi2023.training.data.augment3d import Augment3D
from mlmi2023.training.data.patches import DRAWS


class Patients:
    """A cohort of the form ``classed_scans`` in folds, with two classes.

    Attributes:
        job: of the paper.
        cohort: opened.
        task: checked.
        modalities: names of the images that are used, in their order.
        folds: number of folds.

    Raises:
        InputError: the cohort is of another form, has no folds, other classes than two, or lacks an image.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_classed(job.data)
        self.task = options(MethylationTask, job.task, "config", "task")
        self.modalities = list(self.task.modalities)
        for name in self.modalities:
            if name not in self.cohort.modalities:
                raise InputError(
                    f"config key task.modalities: cohort '{self.cohort.name}' has no "
                    f"{name}{suggest(name, self.cohort.modalities)}"
                )
        if not self.cohort.folds or len(self.cohort.classes) != 2:
            raise InputError(
                f"cohort '{self.cohort.name}' needs two classes and folds; set its read.classes and folds"
            )
        self.folds = 1 + max(self.cohort.folds)
        self.size = self.cohort.shape

    @property
    def labels(self) -> np.ndarray:
        """(N,) 0 or 1."""
        return self.cohort.labels

    def divided(self, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the patients who train, validate and are tested in a fold."""
        place = np.array(self.cohort.folds)
        rest = np.flatnonzero(place != fold)
        train, held = hold_out(self.labels, rest, self.task.held, fold)
        return train, held, np.flatnonzero(place == fold)

    def images(self) -> Tensor:
        """Return the images of all patients, (N, M, *size) float16."""
        arrays = [self.cohort.images[self.cohort.modalities.index(name)] for name in self.modalities]
        return torch.from_numpy(np.stack([np.asarray(array) for array in arrays], 1))


class DrawnPatients(Dataset):
    """Training samples: a number that the module turns into a patient of the fold at hand."""

    def __init__(self, patients: Patients) -> None:
        self.count = min(len(patients.divided(fold)[0]) for fold in range(patients.folds))
        self.shares, self.all = patients.task.shares, np.ones(len(patients.modalities), bool)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        present = drawn(self.all, self.shares)
        return {"place": torch.tensor(index), "present": present, "draw": torch.rand(DRAWS)}


class DevicePatients(nn.Module):
    """Images and classes of all patients on the device.

    Args:
        patients: of the cohort.
        augment: configuration of the augmentation, or None.
    """

    images: Tensor
    labels: Tensor

    def __init__(self, patients: Patients, augment: Any) -> None:
        super().__init__()
        self.register_buffer("images", patients.images(), persistent=False)
        self.register_buffer("labels", torch.from_numpy(patients.labels).float(), persistent=False)
        self.augment = Augment3D.from_config(augment) if augment else None

    def forward(self, rows: Tensor, draw: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return images (B, M, *size) float32 and classes (B,) of patients (B,)."""
        images, labels = self.images[rows].float(), self.labels[rows]
        if self.augment is not None and draw is not None:
            images, _ = self.augment(images, torch.zeros_like(images[:, 0]), draw)
        return images, labels
