"""Samples that depend on the seed and their place in the run alone.

Whatever the number of loading processes, however far a loader reads ahead and wherever a killed run goes on:
sample number k of a run is the same.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from mlmi2023.core.errors import InputError


class EpochSampler(Sampler[int]):
    """Yield the running numbers of an epoch's samples, counted from the start of the run.

    Args:
        length: samples per epoch.
        epoch: the epoch that comes first, not 0 in a resumed run.
    """

    def __init__(self, length: int, epoch: int = 0) -> None:
        self.length, self.epoch = length, epoch

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning when an epoch starts."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.epoch * self.length, (self.epoch + 1) * self.length))


class SeededSamples(Dataset):
    """Give sample number k of a run: an item of ``dataset``, fetched under a random state of its own.

    The items come in random permutations that follow each other without a gap. Python's, NumPy's and torch's
    global random states are those of (seed, k) while the item is fetched and as before afterwards.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self.dataset = dataset
        self.size = len(dataset)  # type: ignore[arg-type]
        self.seed = seed
        if self.size < 1:
            raise InputError("the training split has no samples; check the cohort's split")
        self._lap, self._order = -1, np.empty(0, int)

    def __getitem__(self, number: int) -> Any:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        """Return the samples of a batch; the loader asks for them at once."""
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        try:
            return [self._sample(number) for number in numbers]
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])

    def _sample(self, number: int) -> Any:
        lap, place = divmod(number, self.size)
        if lap != self._lap:
            self._lap, self._order = lap, np.random.default_rng([self.seed, lap]).permutation(self.size)
        own = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        random.seed(own)
        np.random.seed(own)
        torch.default_generator.manual_seed(own)
        return self.dataset[int(self._order[place])]
