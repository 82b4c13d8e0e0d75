"""Labelled patches: where they lie, and whether there is any gland in each. Masks go no further."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.core.jobs import Job
from mlmi2023.papers.boundary_rl.cases import Glands, walk_of
from mlmi2023.papers.boundary_rl.patches import cut, limits, with_margin

SPLITS = ("train", "val", "test")


class PatchTable(Dataset):
    """Patches of a split: image, centre and label of each.

    Args:
        cases: the images.
        part: ``train``, ``val`` or ``test``.

    Attributes:
        rows: (N,) image, as the cohort numbers it.
        centres: (N, 2) row and column.
        labels: (N,) float32, 1 where any pixel of the gland is in the patch.
    """

    def __init__(self, cases: Glands, part: str) -> None:
        task = cases.job.task
        side, count = int(task["patch"]), int(task["patches"][part])
        rng = np.random.default_rng([int(task.get("patch_seed", 0)), SPLITS.index(part)])
        (top, bottom), (left, right) = limits((cases.size[0], cases.size[1]), side, walk_of(cases.job).border)
        own = np.array(cases.rows(part))
        # every image has its share, the first ones of an order of their own one more
        self.rows = torch.from_numpy(np.resize(rng.permutation(own), count))
        centres = np.stack([rng.integers(top, bottom + 1, count), rng.integers(left, right + 1, count)], 1)
        self.centres = torch.from_numpy(centres)
        masks = with_margin(torch.from_numpy(np.array(cases.masks)), side)
        self.labels = cut(masks, self.rows, self.centres, side).flatten(1).amax(1).float()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"row": self.rows[index], "centre": self.centres[index], "label": self.labels[index]}

    @property
    def commonest(self) -> float:
        """The share of patches that the commoner label has."""
        share = float(self.labels.mean())
        return max(share, 1 - share)


class PatchChunks(Dataset):
    """The patches of a table in order, ``size`` at once."""

    def __init__(self, table: PatchTable, size: int) -> None:
        self.table, self.size = table, size

    def __len__(self) -> int:
        return -(-len(self.table) // self.size)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.table[slice(index * self.size, (index + 1) * self.size)]  # type: ignore[index]


def seen(cases: Glands, tables: Sequence[PatchTable]) -> np.ndarray:
    """Return the images (N, H, W) uint8; those that no table names are black."""
    images = np.zeros(cases.images.shape[:3], np.uint8)
    rows = np.unique(np.concatenate([table.rows.numpy() for table in tables]))
    images[rows] = cases.images[rows, :, :, 0]
    return images


def tables_of(job: Job, cases: Glands) -> tuple[PatchTable, PatchTable]:
    """Return the patches that train and those that validate."""
    return PatchTable(cases, "train"), PatchTable(cases, "val")
