"""Domain mix (Sect. 2.3): one object of an image is pasted into another, with its labels."""

import torch
from torch import Tensor

from mlmi2023.papers.domain_mix.pseudo import IGNORED


def object_mask(label: Tensor, draw: Tensor, classes: int, nested: bool) -> Tensor:
    """Return the pixels of one object of each image, drawn evenly among those that it has.

    Args:
        label: (B, H, W) labels 0 (background) to ``classes``; :data:`IGNORED` is no object.
        draw: (B,) in [0, 1).
        classes: number of structures.
        nested: an object is all labels from its own on: the disc with its cup.

    Returns:
        (B, H, W) bool; nothing where an image has no object.
    """
    known = label != IGNORED
    objects = torch.stack(
        [known & (label >= k if nested else label == k) for k in range(1, classes + 1)], dim=1
    )
    there = objects.flatten(2).any(-1)  # (B, classes)
    count = there.sum(1)
    wanted = (draw.to(label.device) * count).long().clamp(max=(count - 1).clamp_min(0))
    # the place of the wanted one among those that are there
    chosen = (there.cumsum(1) == wanted[:, None] + 1) & there
    return (objects & chosen[:, :, None, None]).any(1)


def pasted(mask: Tensor, above: tuple[Tensor, Tensor], below: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return ``M x_a + (1 - M) x_b`` and ``M y_a + (1 - M) y_b``.

    Args:
        mask: M, (B, H, W) bool.
        above: images x_a (B, C, H, W) that the object comes from, and their labels y_a (B, H, W).
        below: images x_b that it is pasted into, and theirs.
    """
    return torch.where(mask[:, None], above[0], below[0]), torch.where(mask, above[1], below[1])
