"""Validation batches of 2D images, slices or whole scans, by their numbers."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset


class RowChunks(Dataset):
    """Validation batches: up to ``size`` rows at once, with the number of the case that each belongs to.

    Args:
        rows: the images, slices or scans, in order.
        size: rows of a batch.
        cases: of each row, 0 to n - 1; None: each row is a case of its own.
    """

    def __init__(
        self,
        rows: Sequence[int] | np.ndarray,
        size: int = 16,
        cases: Sequence[int] | np.ndarray | None = None,
    ) -> None:
        self.rows = torch.as_tensor(np.asarray(rows, np.int64))
        own = np.arange(len(self.rows)) if cases is None else np.asarray(cases, np.int64)
        self.cases = torch.as_tensor(own)
        self.size = max(1, size)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        part = slice(index * self.size, (index + 1) * self.size)
        return {"row": self.rows[part], "case": self.cases[part]}
