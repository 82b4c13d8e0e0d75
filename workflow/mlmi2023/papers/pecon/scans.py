"""Sub-volumes of scans: where they lie, how they are cut, augmented and scaled (Sect. 3.1, 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.cohorts.forms.exams.reader import Exams
from mlmi2023.core.errors import InputError


@dataclass(frozen=True)
class Cut:
    """How scans are cut; the part ``scan`` of the dataset's task.

    Attributes:
        slices: of a sub-volume.
        crop: rows and columns that the network sees.
        jitter: largest shift along the slices, in training.
        rotation: largest angle in the plane, in training, degrees.
        hu: Hounsfield units that become -1 and 1.
        positive_slices: slices with a defect that make a sub-volume positive.
    """

    slices: int = 24
    crop: int = 192
    jitter: int = 8
    rotation: float = 15.0
    hu: tuple[float, float] = (-100.0, 900.0)
    positive_slices: int = 4

    @classmethod
    def of(cls, task: Mapping[str, Any], exams: Exams) -> "Cut":
        """Read the task's key ``scan`` and check it against the cohort.

        Raises:
            InputError: an unknown key, or a crop that is larger than the slices.
        """
        own = dict(task.get("scan", {}))
        if unknown := [key for key in own if key not in cls.__dataclass_fields__]:
            raise InputError(
                f"config key task.scan.{unknown[0]} is unknown; known: {', '.join(cls.__dataclass_fields__)}"
            )
        cut = cls(**{**own, "hu": tuple(own.get("hu", cls.hu))})
        if cut.crop > min(exams.slice_shape):
            raise InputError(
                f"config key task.scan.crop is {cut.crop}, slices of cohort '{exams.name}' have "
                f"{exams.slice_shape}; lower it"
            )
        return cut

    def starts(self, depth: int) -> list[int]:
        """Return the first slices of the N sub-volumes of a scan; the last one ends with the scan."""
        if depth <= self.slices:
            return [0]
        return [min(first, depth - self.slices) for first in range(0, depth, self.slices) if first < depth]


@dataclass(frozen=True)
class Windows:
    """All sub-volumes of some exams: one entry each.

    Attributes:
        exam: (W,) row of the exam.
        start: (W,) first slice.
        label: (W,) float32, 1 with enough slices that show a defect.
    """

    exam: np.ndarray
    start: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.exam)


def windows_of(exams: Exams, rows: Sequence[int] | np.ndarray, cut: Cut) -> Windows:
    """List the sub-volumes of the exams that have a scan.

    Where the defects are not known slice by slice, a sub-volume has the label of its exam.
    """
    rows_found, starts, labels = [], [], []
    for row in rows:
        if not exams.has_scan(row):
            continue
        depth = exams.depth(row)
        truth = exams.defects(row) if exams.labels[row] else None
        for start in cut.starts(depth):
            if exams.labels[row] and truth is not None:
                shown = (truth[start : start + cut.slices] > 0).any(axis=(1, 2)).sum()
                label = float(shown >= min(cut.positive_slices, (truth > 0).any(axis=(1, 2)).sum()))
            else:
                label = float(exams.labels[row])
            rows_found.append(int(row))
            starts.append(start)
            labels.append(label)
    return Windows(np.array(rows_found, int), np.array(starts, int), np.array(labels, np.float32))


class ScanStore:
    """Serves sub-volumes from the packed slices, which stay on the device where they fit.

    Args:
        exams: the cohort.
        cut: how to cut.
        device: where batches are wanted.
        share: largest share of a GPU's free memory that the slices may take.
    """

    def __init__(self, exams: Exams, cut: Cut, device: torch.device, share: float = 0.4) -> None:
        self.exams, self.cut, self.device = exams, cut, device
        self.resident: Tensor | None = None
        whole = exams.slices
        if device.type == "cuda" and whole.nbytes < share * torch.cuda.mem_get_info(device)[0]:
            self.resident = torch.from_numpy(np.ascontiguousarray(whole)).to(device)

    def take(
        self, exam: Tensor, start: Tensor, angle: Tensor | None = None, place: Tensor | None = None
    ) -> Tensor:
        """Return (B, 1, slices, crop, crop) float32 in [-1, 1] on the device.

        Args:
            exam: (B,) rows of exams.
            start: (B,) first slices; moved so that the sub-volume lies inside the scan, and where the scan is
                shorter than a sub-volume its last slice is repeated.
            angle: (B,) degrees of rotation in the plane, or None for none.
            place: (B, 2) of the crop, 0 to 1 along rows and columns, or None for the middle.
        """
        first = torch.tensor([self.exams.first_slice(int(e)) for e in exam])
        depth = torch.tensor([self.exams.depth(int(e)) for e in exam])
        begin = torch.minimum(start.cpu().clamp_min(0), (depth - self.cut.slices).clamp_min(0))
        inside = torch.minimum(begin[:, None] + torch.arange(self.cut.slices), depth[:, None] - 1)
        index = first[:, None] + inside
        if self.resident is not None:
            raw = self.resident[index.to(self.device)]
        else:
            raw = torch.from_numpy(self.exams.slices[index.numpy()])
            if self.device.type == "cuda":
                raw = raw.pin_memory().to(self.device, non_blocking=True)
        low, high = self.cut.hu
        scaled = (raw.float() - low).mul_(2 / (high - low)).sub_(1).clamp_(-1, 1)
        if angle is None and place is None:
            return self._middle(scaled)[:, None]
        return self._turned(scaled, angle, place)[:, None]

    def _middle(self, x: Tensor) -> Tensor:
        top, left = ((n - self.cut.crop) // 2 for n in x.shape[2:])
        return x[:, :, top : top + self.cut.crop, left : left + self.cut.crop]

    def _turned(self, x: Tensor, angle: Tensor | None, place: Tensor | None) -> Tensor:
        """Rotate and crop in one resampling, all slices of a sub-volume alike."""
        count, _, rows, columns = x.shape
        crop = self.cut.crop
        turn = torch.zeros(count) if angle is None else torch.deg2rad(angle.float().cpu())
        where = torch.full((count, 2), 0.5) if place is None else place.float().cpu()
        room = torch.tensor([(rows - crop) / rows, (columns - crop) / columns])
        shift = (2 * where - 1) * room
        cos, sin = turn.cos() * crop, turn.sin() * crop
        # pixels are square whatever the slice's shape, so the rotation is one of pixels
        theta = torch.stack(
            [
                torch.stack([cos / columns, -sin / columns, shift[:, 1]], dim=1),
                torch.stack([sin / rows, cos / rows, shift[:, 0]], dim=1),
            ],
            dim=1,
        ).to(x.device)
        grid = F.affine_grid(theta, [count, 1, crop, crop], align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def draw_augmentation(cut: Cut, start: int) -> tuple[int, float, tuple[float, float]]:
    """Draw jittered start, angle and crop for a sub-volume, from torch's global random state."""
    shift = int(torch.randint(-cut.jitter, cut.jitter + 1, ()).item()) if cut.jitter else 0
    angle = float((2 * torch.rand(()) - 1) * cut.rotation)
    return start + shift, angle, (float(torch.rand(())), float(torch.rand(())))
