"""Data sets that hold numbers alone, for modules that have all data on their device."""

from collections.abc import Mapping

import numpy as np
from torch.utils.data import Dataset


class Counted(Dataset):
    """So many samples, each its own number: full batches, or iterations that only count."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        return index


class Chunks(Dataset):
    """Arrays of one length cut into whole batches, for validation.

    Args:
        arrays: (N, ...) each, by name.
        size: rows of a batch; None: all in one.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], size: int | None = None) -> None:
        self.arrays = {name: np.asarray(values) for name, values in arrays.items()}
        self.total = len(next(iter(self.arrays.values())))
        self.size = size or max(1, self.total)

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        part = slice(index * self.size, (index + 1) * self.size)
        return {name: values[part] for name, values in self.arrays.items()}
