"""Noise for training, from the global random state, and for results, fixed by (seed, case, slice)."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mlmi2023.core.options import Options, options
from mlmi2023.nets.generation.options import Noise, SimplexNoise
from mlmi2023.nets.generation.simplex import simplex


class _Keys(Options):
    noise: Noise


class NoiseMaker:
    """Draws noise of mean 0 and variance 1 (or as its options say).

    Args:
        keys: of :data:`~mlmi2023.nets.generation.options.Noise`.
    """

    def __init__(self, keys: Mapping[str, Any]) -> None:
        self.keys = options(_Keys, {"noise": dict(keys)}, "config").noise

    def __call__(self, like: Tensor, generators: Sequence[torch.Generator | None] | None = None) -> Tensor:
        """Return noise of the shape of ``like`` (B, C, H, W), or with any axes where it is Gaussian.

        Args:
            like: whose shape and device are wanted.
            generators: one for each image, on the CPU; None: the global random state.
        """
        own = generators if generators is not None else [None] * len(like)
        if isinstance(self.keys, SimplexNoise):
            channels, size = like.shape[1], like.shape[2:]
            each = [generator for generator in own for _ in range(channels)]
            return simplex(self.keys, size, each, like.device).view(like.shape)
        if generators is None:
            return torch.randn(like.shape, device=like.device)
        shape = like.shape[1:]
        return torch.stack([torch.randn(shape, generator=g) for g in generators]).to(like.device)


def keyed(seed: int, case: str, place: int) -> torch.Generator:
    """Return the generator, on the CPU, that belongs to a slice of a case.

    It is the same on every machine, whatever else is computed along with it.
    """
    digest = hashlib.sha256(f"{seed}/{case}/{place}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
