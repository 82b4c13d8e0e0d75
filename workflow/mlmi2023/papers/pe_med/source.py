"""Batches on the device: slices are drawn by number, augmented, and their object singled out."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.training.data.augment2d import DRAWS, Augment2D

#: random numbers that a sample brings for its clicks: how many rounds, then one for each click
CLICK_DRAWS = 24


class DrawnObjects(Dataset):
    """Training samples: a slice, one of its organs at random, and random numbers.

    They come from the sample's own random state, so that all methods see the same slices in the same order.

    Args:
        pairs: (n, 2), the numbers of a slice and of an organ in it.
    """

    def __init__(self, pairs: np.ndarray) -> None:
        self.rows = np.unique(pairs[:, 0])
        self.organs = [torch.from_numpy(pairs[pairs[:, 0] == row, 1]) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        own = self.organs[index]
        return {
            "row": int(self.rows[index]),
            "organ": own[torch.randint(len(own), ())],
            "draw": torch.rand(DRAWS),
            "clicks": torch.rand(CLICK_DRAWS),
        }


class HeldObjects(Dataset):
    """Validation batches of objects, with the random numbers of their clicks.

    Args:
        pairs: (n, 2), the numbers of a slice and of an organ in it.
        size: objects of a batch.
        draws: (n, T) random numbers of T clicks.
    """

    def __init__(self, pairs: np.ndarray, size: int, draws: np.ndarray) -> None:
        self.pairs, self.size = torch.from_numpy(pairs), size
        self.draws = torch.from_numpy(draws)

    def __len__(self) -> int:
        return -(-len(self.pairs) // self.size)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        part = slice(index * self.size, (index + 1) * self.size)
        return {"row": self.pairs[part, 0], "organ": self.pairs[part, 1], "clicks": self.draws[part]}


class Sample(NamedTuple):
    """Images (B, 1, S, S) from -1 to 1, label values (B, S, S) and the objects (B, S, S) bool."""

    image: Tensor
    labels: Tensor
    truth: Tensor


class ObjectSource(nn.Module):
    """All slices, kept on the module's device in their own small type.

    Args:
        images: (N, S, S) float16 in [0, 1].
        labels: (N, S, S) uint8.
        tables: (organs, 256) bool, which label values an organ has.
        augment: of training batches.
    """

    images: Tensor
    labels: Tensor
    tables: Tensor

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, tables: np.ndarray, augment: Augment2D | None = None
    ) -> None:
        super().__init__()
        for name, values in (("images", images), ("labels", labels), ("tables", tables)):
            self.register_buffer(name, torch.from_numpy(np.array(values)), persistent=False)
        self.augment = augment

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> Sample:
        """Return the slices and objects of a batch with ``row``, ``organ`` and, in training, ``draw``."""
        image = 2 * self.images[batch["row"]][:, None].float() - 1
        labels = self.labels[batch["row"]].long()
        if train and self.augment is not None:
            image, labels = self.augment(image, labels, batch["draw"])
        return Sample(image, labels, self.tables[batch["organ"][:, None, None], labels])


def click_draws(first: int, seed: int, pairs: np.ndarray, count: int) -> np.ndarray:
    """Return random numbers (n, count) float32 for the clicks at objects, the same for every method.

    Args:
        first: word of the random states: of validation, or of testing.
        seed: of the run.
        pairs: (n, 2), the numbers of a slice and of an organ in it.
        count: of clicks.
    """
    own = [np.random.default_rng([first, seed, *map(int, pair)]).random(count) for pair in pairs]
    return np.stack(own).astype(np.float32)
