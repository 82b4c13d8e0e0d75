"""Subsets of modalities: their names, and those that training samples are left with."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest


def words(modalities: Sequence[str]) -> list[str]:
    """Return what modalities are called in names of subsets."""
    return [name.lower() for name in modalities]


def all_subsets(modalities: Sequence[str]) -> list[str]:
    """Return the names of all subsets but the empty one, small ones first: 15 of four modalities."""
    own = words(modalities)
    return ["+".join(some) for count in range(1, len(own) + 1) for some in combinations(own, count)]


def full(modalities: Sequence[str]) -> str:
    """Return the name of the subset of all."""
    return "+".join(words(modalities))


def mask_of(subset: str, modalities: Sequence[str]) -> np.ndarray:
    """Return which modalities a subset has, (M,) bool.

    Raises:
        InputError: one is unknown, or stands twice.
    """
    own, parts = words(modalities), subset.split("+")
    for part in parts:
        if part not in own or parts.count(part) > 1:
            raise InputError(
                f"config key task: subset '{subset}' has '{part}'{suggest(part, own)}; join modalities by +, "
                "each once"
            )
    return np.array([name in parts for name in own])


def masks_of(subsets: Sequence[str], modalities: Sequence[str]) -> Tensor:
    """Return which modalities each subset has, (S, M) bool."""
    return torch.from_numpy(np.stack([mask_of(subset, modalities) for subset in subsets]))


def drawn(available: np.ndarray, shares: Sequence[float]) -> Tensor:
    """Return which modalities a training sample keeps, (M,) bool, by torch's random numbers.

    Their number is drawn by ``shares``, then any so many of those that there are.

    Args:
        available: (M,) bool.
        shares: of one, two, ... modalities.
    """
    count = 1 + int(torch.searchsorted(torch.tensor(shares).cumsum(0), torch.rand(()), right=True))
    order = (
        torch.rand(len(available)).masked_fill(~torch.from_numpy(available), -1.0).argsort(descending=True)
    )
    kept = torch.zeros(len(available), dtype=torch.bool)
    kept[order[: min(count, int(available.sum()))]] = True
    return kept
