"""The pool on the device, for trainings without labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.papers.ocm_vit.cases import PoolCases, three


class Pool(nn.Module):
    """Images of the pool, those that train first, then those that are held out.

    Attributes:
        count: how many train.
    """

    images: Tensor

    def __init__(self, cases: PoolCases) -> None:
        super().__init__()
        rows, held = cases.rows("pool"), cases.rows("held")
        self.count = len(rows)
        seen = torch.from_numpy(np.array(cases.seen([*rows, *held])))[:, None]
        self.register_buffer("images", seen, persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Return images (B, 3, H, W) in [0, 1]."""
        return three(self.images[rows].float())


class Numbered(Dataset):
    """Images of the pool by number, and random numbers of each: new ones each time, or always the same.

    Args:
        rows: numbers of the images.
        draws: random numbers that a sample brings, in [0, 1).
        fixed: a seed by which an image's numbers are always the same.
        at_once: with ``fixed``, images of an item, which is a whole batch.
    """

    def __init__(self, rows: Sequence[int], draws: int, fixed: int | None = None, at_once: int = 1) -> None:
        self.rows = torch.tensor(list(rows))
        self.draws, self.at_once = draws, at_once
        self.kept: Tensor | None = None
        if fixed is not None:
            own = torch.Generator().manual_seed(fixed)
            self.kept = torch.rand(len(self.rows), draws, generator=own)

    def __len__(self) -> int:
        return len(self.rows) if self.kept is None else -(-len(self.rows) // self.at_once)

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        if self.kept is None:
            return {"row": self.rows[index], "draw": torch.rand(self.draws)}
        part = slice(index * self.at_once, (index + 1) * self.at_once)
        return {"row": self.rows[part], "draw": self.kept[part]}
