"""Consistency and reconstruction (Eqs. 1 to 3), as mean squares or as the norms that are printed."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor


def consistency(codes: Sequence[Tensor], distance: str = "mean_square") -> Tensor:
    """Return L_C (Eq. 1): the mean over pairs of variants of how far their codes lie apart.

    Args:
        codes: (B, d) of each variant, row by row of the same image; two or more.
        distance: ``mean_square`` over numbers, or the ``norm`` of each row's difference; a mean over rows.
    """
    pairs = list(itertools.combinations(codes, 2))
    return torch.stack([_apart(one, other, distance) for one, other in pairs]).sum() / len(pairs)


def reconstruction(found: Tensor, wanted: Tensor, distance: str = "mean_square") -> Tensor:
    """Return L_RS or L_RI (Eqs. 2 and 3) of images (B, C, N, M).

    Args:
        found: what a decoder makes.
        wanted: what it should be.
        distance: ``mean_square``, or the ``norm`` of each image's difference by N M; a mean over images.
    """
    if distance == "mean_square":
        return _apart(found, wanted, distance)
    return _apart(found, wanted, distance) / (wanted.shape[2] * wanted.shape[3])


def _apart(one: Tensor, other: Tensor, distance: str) -> Tensor:
    difference = (one - other).flatten(1)
    if distance == "mean_square":
        return difference.square().mean()
    # the root has no slope at 0; a number far below any pixel's step keeps it finite
    return (difference.square().sum(1) + 1e-12).sqrt().mean()
