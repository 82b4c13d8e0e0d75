"""Scans of several modalities as networks see them: resized to one size, any of their images left out."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.magnet.options import SegmentationTask
from mlmi2023.papers.magnet.subsets import all_subsets, drawn, mask_of
from mlmi2023.tasks.segmentation import Cases
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.training.data.augment3d import Augment3D
from mlmi2023.training.data.patches import DRAWS

#: classes of the answer, after the background
CORE, OEDEMA, ENHANCING = 1, 2, 3
#: nested regions that are judged, by the classes that each has
REGIONS = {"wt": (CORE, OEDEMA, ENHANCING), "tc": (CORE, ENHANCING), "et": (ENHANCING,)}


def regions(labels: Tensor) -> Tensor:
    """Return whole tumour, core and enhancing tumour of label maps (B, *grid), (B, 3, *grid) bool."""
    enhancing = labels == ENHANCING
    return torch.stack([labels > 0, enhancing | (labels == CORE), enhancing], 1)


def region(labels: np.ndarray, name: str) -> np.ndarray:
    """Return the mask of one region."""
    return np.isin(labels, REGIONS[name])


class MultiModal(Cases):
    """Scans of a cohort of the form ``scans`` with several images, judged on the grid that they have.

    Args:
        job: of the paper.

    Raises:
        InputError: the cohort is of another form, lacks a modality, or has labels that the task lacks.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.cohort = job, open_scans(job.data)
        self.task = options(SegmentationTask, job.task, "config", "task")
        self.modalities = self.cohort.chosen(self.task.modalities)
        self.channels, self.size = len(self.modalities), self.task.size
        self.classes = ["core", "oedema", "enhancing"]
        own = self.task.labels
        self.values = {own.core: CORE, own.oedema: OEDEMA, own.enhancing: ENHANCING}
        for value in self.cohort.label_names:
            if value not in self.values:
                raise InputError(
                    f"cohort '{self.cohort.name}' has label {value}, which the task's key 'labels' does not "
                    "name; set core, oedema and enhancing, or the cohort's read.labels_kept"
                )

    @property
    def settings(self) -> list[str]:
        """Names of the subsets that are tested."""
        return self.task.settings or all_subsets(self.modalities)

    def available(self, row: int) -> np.ndarray:
        """Return which modalities a scan has, (M,) bool."""
        return self.cohort.present(row, self.modalities)

    def shape(self, row: int) -> tuple[int, ...]:
        """Return (X, Y, Z)."""
        return self.cohort.shapes[row]

    def spacing(self, row: int) -> tuple[float, ...]:
        """Return mm along X, Y, Z."""
        return self.cohort.spacings[row]

    def truth(self, row: int) -> np.ndarray:
        """Return the true classes (X, Y, Z), uint8."""
        labels = np.asarray(self.cohort.labels(row))
        table = np.zeros(1 + max(int(labels.max()), *self.values), np.uint8)
        for value, own in self.values.items():
            table[value] = own
        return table[labels]

    def inputs(self, row: int) -> np.ndarray:
        """Return the images as networks see them, (1, *size, M) float16."""
        stack = torch.from_numpy(self.cohort.stack(row, self.modalities).astype(np.float32))
        return self._sized(stack).half().numpy()[None].transpose(0, 2, 3, 4, 1)

    def image(self, row: int) -> Tensor:
        """Return the same, (M, *size) float32."""
        return torch.from_numpy(self.inputs(row)[0].transpose(3, 0, 1, 2).astype(np.float32))

    def _sized(self, stack: Tensor) -> Tensor:
        if tuple(stack.shape[1:]) == tuple(self.size):
            return stack
        return F.interpolate(stack[None], size=list(self.size), mode="trilinear")[0]

    def targets(self, row: int) -> Tensor:
        """Return the true classes at the networks' size, (1, *size) uint8."""
        labels = torch.from_numpy(self.truth(row))[None]
        if tuple(labels.shape[1:]) == tuple(self.size):
            return labels
        return F.interpolate(labels[None].float(), size=list(self.size), mode="nearest-exact")[0].byte()

    def restored(self, found: Tensor, row: int) -> np.ndarray:
        """Return classes (X, Y, Z) of logits (1, K, *size): interpolated, then the likeliest."""
        if tuple(found.shape[2:]) != self.shape(row):
            found = F.interpolate(found, size=list(self.shape(row)), mode="trilinear")
        return found.argmax(1)[0].byte().cpu().numpy()

    def samples(self, select: str, augment: Any) -> Samples:
        """Return training scans, each with the modalities that it keeps, and the validated ones.

        A validation case is a scan with one of the subsets of the task's key ``validated``.

        Raises:
            InputError: no scan has a validated subset.
        """
        train, held = self.rows("train"), self.rows(select)
        source = DeviceScans(self, [*train, *held], augment)
        val = Validated(self, held, list(self.task.validated))
        return Samples(source, Drawn(self, train), val, val.count)


class Drawn(Dataset):
    """Training samples: a scan, the modalities that it keeps, and the random numbers of its augmentation."""

    def __init__(self, cases: MultiModal, rows: list[int]) -> None:
        self.rows, self.shares = rows, cases.task.shares
        self.available = [cases.available(row) for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        present = drawn(self.available[index], self.shares)
        return {"row": torch.tensor(self.rows[index]), "present": present, "draw": torch.rand(DRAWS)}


class Validated(Dataset):
    """Validation batches: a scan with several subsets each, those that it has the images of."""

    def __init__(self, cases: MultiModal, rows: list[int], subsets: list[str]) -> None:
        self.items: list[dict[str, Tensor]] = []
        self.count = 0
        for row in rows:
            masks = [mask_of(subset, cases.modalities) for subset in subsets]
            kept = [mask for mask in masks if not (mask & ~cases.available(row)).any()]
            if not kept:
                continue
            numbers = torch.arange(self.count, self.count + len(kept))
            self.items.append(
                {"row": torch.tensor(row), "present": torch.from_numpy(np.stack(kept)), "case": numbers}
            )
            self.count += len(kept)
        if not self.items:
            raise InputError(
                f"cohort '{cases.cohort.name}': no validated scan has the images of {', '.join(subsets)}; "
                "set the task's key 'validated'"
            )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.items[index]


class DeviceScans(nn.Module):
    """All scans that a training needs, on the device.

    Args:
        cases: of the cohort.
        rows: scans that are wanted.
        augment: configuration of the augmentation, or None.
    """

    images: Tensor
    labels: Tensor
    place: Tensor

    def __init__(self, cases: MultiModal, rows: list[int], augment: Any) -> None:
        super().__init__()
        rows = sorted(set(rows))
        images = np.stack([cases.inputs(row)[0].transpose(3, 0, 1, 2) for row in rows])
        self.register_buffer("images", torch.from_numpy(images), persistent=False)
        labels = torch.cat([cases.targets(row) for row in rows])
        self.register_buffer("labels", labels, persistent=False)
        place = torch.full((len(cases.cohort),), -1)
        place[torch.tensor(rows)] = torch.arange(len(rows))
        self.register_buffer("place", place, persistent=False)
        self.augment = Augment3D.from_config(augment) if augment else None

    def forward(self, row: Tensor, draw: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return images (B, M, *size) float32 and classes (B, *size) of scans (B,), augmented by ``draw``."""
        place = self.place[row]
        images, labels = self.images[place].float(), self.labels[place]
        if self.augment is None or draw is None:
            return images, labels
        return self.augment(images, labels, draw)
