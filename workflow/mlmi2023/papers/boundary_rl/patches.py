"""Patches of images: cut out by their centres, with zeros beyond the image.

A patch of P x P pixels at the centre (i, j) covers rows i - P // 2 to i - P // 2 + P - 1, and so its columns.
Images are kept with a margin of P // 2 zeros on top and left and P - P // 2 below and right, in which the
patch at (i, j) begins at (i, j).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def with_margin(images: Tensor, side: int) -> Tensor:
    """Return images (N, H, W) within the margin that patches of ``side`` pixels need."""
    before, after = side // 2, side - side // 2
    return F.pad(images, [before, after, before, after])


def places(centres: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Return rows (N, side, 1) and columns (N, 1, side) of patches in images with a margin.

    Args:
        centres: (N, 2) row and column, whole numbers within the image.
        side: pixels.
    """
    along = torch.arange(side, device=centres.device)
    return centres[:, :1, None] + along[:, None], centres[:, 1:, None] + along[None]


def cut(padded: Tensor, which: Tensor, centres: Tensor, side: int) -> Tensor:
    """Return patches (N, side, side).

    Args:
        padded: images of :func:`with_margin`.
        which: (N,) image of each patch.
        centres: (N, 2) row and column.
        side: pixels.
    """
    rows, columns = places(centres, side)
    return padded[which[:, None, None], rows, columns]


def limits(shape: tuple[int, int], side: int, border: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first and last row and column that a centre may have.

    Args:
        shape: of the image.
        side: pixels of a patch.
        border: ``pad``: any pixel of the image; ``inside``: those whose patch lies in the image.

    Raises:
        ValueError: patches are larger than the image.
    """
    if side > min(shape):
        raise ValueError(f"patches of {side} pixels are larger than images of {shape[0]} x {shape[1]}")
    if border == "pad":
        return (0, shape[0] - 1), (0, shape[1] - 1)
    before, after = side // 2, side - side // 2
    return (before, shape[0] - after), (before, shape[1] - after)


def edge(low_high: tuple[tuple[int, int], tuple[int, int]]) -> Tensor:
    """Return the outermost centres on the four edges, (K, 2), clockwise from the top left."""
    (top, bottom), (left, right) = low_high
    across = [(top, j) for j in range(left, right)] + [(i, right) for i in range(top, bottom)]
    back = [(bottom, j) for j in range(right, left, -1)] + [(i, left) for i in range(bottom, top, -1)]
    return torch.tensor(across + back or [(top, left)])
