"""Scans as networks see them: labels as the method asks for them, air around what a patch cuts off."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.scans.reader import Scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest
from mlmi2023.papers.bhsd.air import AIR, in_air, normalised
from mlmi2023.papers.bhsd.options import Task
from mlmi2023.tasks.segmentation import Volumes
from mlmi2023.tasks.segmentation.cases import Samples
from mlmi2023.training.data.augment3d import Augment3D
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.data.patches import DRAWS, DevicePatches, DrawnPatches

#: label of voxels whose labels are hidden, as packed and as networks would meet it
HIDDEN = 255


class Patches(DevicePatches):
    """Patches and whole scans with air outside, and labels as the method asks for them.

    Packed intensities are 0 where there is air, and so is what a patch reaches beyond its scan
    (:meth:`DevicePatches.cut`); all is normalised last, so that both become -1 together.
    """

    table: Tensor

    def __init__(
        self, scans: Scans, rows: Sequence[int], size: Sequence[int], augment: Augment3D, table: Tensor
    ):
        super().__init__(scans, rows, size, augment)
        self.register_buffer("table", table, persistent=False)

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        """Return images (B, 1, T, H, W) from -1 to 1 and labels (B, T, H, W)."""
        image, label = super().forward(batch, train)
        return normalised(image), self.table[label.long()]


class Anywhere(Dataset):
    """Patches of scans without labels, evenly over each scan.

    Args:
        scans: the cohort.
        rows: the scans; an item of the data set is one of them.
        size: (T, H, W) of a patch.
    """

    def __init__(self, scans: Scans, rows: Sequence[int], size: Sequence[int]) -> None:
        self.rows, self.size = list(rows), torch.tensor(list(size))
        self.shapes = [torch.tensor(scans.shapes[row][::-1]) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        room = (self.shapes[index] - self.size).clamp_min(0)
        corner = (torch.rand(3) * (room + 1)).long().minimum(room)
        return {"row": torch.tensor(self.rows[index]), "corner": corner, "draw": torch.rand(DRAWS)}


class HeadScans(Volumes):
    """The scans of a cohort, for one method.

    Attributes:
        task: its keys.
        short: names of all classes in tables, by label.
        only: the label that the method learns; 0: what the task asks for.

    Raises:
        InputError: the cohort is of another form, or lacks the method's class.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.task = options(Task, dict(job.task), "config", "task")
        named = self.cohort.label_names
        self.short = {value: (self.task.short or {}).get(name, name) for value, name in named.items()}
        wanted = job.method_options.get("only")
        found = [value for value, name in self.short.items() if name == wanted]
        if wanted and not found:
            raise InputError(
                f"config key methods.{job.method}.only is '{wanted}'"
                f"{suggest(str(wanted), list(self.short.values()))}"
            )
        self.only = found[0] if found else 0
        if self.only or self.task.kind == "foreground":
            self.classes = [str(wanted) if self.only else "bleed"]

    @property
    def table(self) -> np.ndarray:
        """What a network is asked for, by packed label, (256,) uint8."""
        found = np.arange(HIDDEN + 1, dtype=np.uint8)
        if self.only:
            found = (found == self.only).astype(np.uint8)
        elif self.task.kind == "foreground":
            found = (found > 0).astype(np.uint8)
        found[HIDDEN] = HIDDEN
        return found

    def rows(self, part: str) -> list[int]:
        """Return the cases of a part; with the training scans, those without bleed that the method adds.

        Raises:
            InputError: there is none, or fewer without bleed than the method wants.
        """
        found = super().rows(part)
        more = int(self.job.method_options.get("negatives") or 0)
        if part != "train" or not more:
            return found
        without = self.cohort.rows(self.task.negatives)
        if len(without) < more:
            raise InputError(
                f"cohort '{self.cohort.name}': split '{self.task.negatives}' has {len(without)} scans, "
                f"method '{self.job.method}' adds {more}; lower its key negatives"
            )
        return [*found, *without[:more]]

    def unlabelled(self, most: int | None) -> list[int]:
        """Return the scans without labels, the first ``most``.

        Raises:
            InputError: there are none.
        """
        found = self.cohort.rows(self.task.unlabelled)[:most]
        if not found:
            raise InputError(
                f"cohort '{self.cohort.name}': nobody is in '{self.task.unlabelled}', of which method "
                f"'{self.job.method}' learns; give it scans, or leave the method out"
            )
        return found

    def truth(self, row: int) -> np.ndarray:
        """Return the true labels (X, Y, Z): of the method's class alone if it has one; 1 for any foreground.

        Raises:
            InputError: they are hidden.
        """
        labels = np.asarray(self.cohort.labels(row))
        if (labels == HIDDEN).any():
            raise InputError(f"scan {self.name(row)}: its labels are hidden; it trains without them, no more")
        return labels * (labels == self.only) if self.only else self.table[labels]

    def prepare(self, image: Tensor) -> Tensor:
        """Return normalised images."""
        return normalised(image)

    def infer(self, net: nn.Module, image: Tensor) -> Tensor:
        """Return logits (1, K, T, H, W) float32 of a whole scan; a scan smaller than a patch lies in air."""
        from monai.inferers import sliding_window_inference

        task, sides = self.task, image.shape[2:]
        found = sliding_window_inference(
            in_air(image, self.size),
            list(self.size),
            task.windows,
            lambda part: net(part).float(),
            task.overlap,
            mode="gaussian" if task.gaussian else "constant",
            cval=AIR,
        )
        assert isinstance(found, Tensor)  # one network, one output
        return found[:, :, : sides[0], : sides[1], : sides[2]]

    def samples(self, select: str, augment: Any) -> Samples:
        """Return patches of the training scans; the scans of ``select`` validate, whole."""
        train, held = self.rows("train"), self.rows(select)
        source = self.source([*train, *held], augment)
        drawn = DrawnPatches(self.cohort, train, self.size, self.job.train["positive"], 0.0)
        return Samples(source, drawn, RowChunks(held, 1), len(held))

    def source(self, rows: Sequence[int], augment: Any) -> Patches:
        """Return what makes patches of some scans."""
        moved = Augment3D.from_config(augment)
        return Patches(self.cohort, rows, self.size, moved, torch.from_numpy(self.table))
