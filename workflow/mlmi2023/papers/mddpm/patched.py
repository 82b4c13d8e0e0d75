"""pDDPM (Behrendt et al. 2023): noise in one patch, the rest of the slice is clean context."""

import torch
from torch import Tensor

from mlmi2023.papers.mddpm.options import Window


def window_sides(keys: Window, size: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of a patch."""
    height, width = (max(1, round(keys.side * side)) for side in size)
    return height, width


def drawn_window(keys: Window, like: Tensor) -> Tensor:
    """Return a mask (B, 1, H, W), 1 in one patch of the test's grid, drawn for each slice."""
    grid = torch.stack(windows(keys, (int(like.shape[2]), int(like.shape[3]))))
    chosen = torch.randint(len(grid), (len(like),), device=like.device)
    return grid.to(like.device)[chosen][:, None]


def windows(keys: Window, size: tuple[int, int]) -> list[Tensor]:
    """Return the masks (H, W) of the grid's patches, which cover the slice; they may overlap."""
    sides = window_sides(keys, size)
    starts = [
        torch.linspace(0, whole - part, keys.grid).round().long().tolist() for whole, part in zip(size, sides)
    ]
    found = []
    for top in starts[0]:
        for left in starts[1]:
            mask = torch.zeros(size)
            mask[top : top + sides[0], left : left + sides[1]] = 1
            found.append(mask)
    return found
