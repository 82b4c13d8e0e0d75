"""Losses of both decoders (Sect. 2.2): Dice and cross-entropy, where there is a label."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.domain_mix.pseudo import IGNORED


def boundary_of(label: Tensor, side: int) -> Tensor:
    """Return where a square of ``side`` pixels sees more than one label, (B, H, W) 0 or 1.

    It is the morphological gradient of the label map, its border left out. A square that sees a pixel without
    a label has none either: :data:`IGNORED`.
    """
    unknown = (label == IGNORED)[:, None].float()
    values = label.where(label != IGNORED, 0)[:, None].float()

    def highest(x: Tensor) -> Tensor:
        # pads with minus infinity, so that nothing beyond the border is seen
        return F.max_pool2d(x, side, stride=1, padding=side // 2)

    found = (highest(values) + highest(-values) > 0).long()
    return found.where(highest(unknown) == 0, IGNORED)[:, 0]


class WhereLabelled(nn.Module):
    """A loss on the pixels that have a label; the others have no part in it.

    Args:
        config: of :func:`mlmi2023.losses.segmentation.build_loss`.
    """

    def __init__(self, config: Mapping[str, Any] | None) -> None:
        super().__init__()
        self.loss = build_loss(config)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return a scalar for logits (B, C, H, W) and targets (B, H, W)."""
        known = target != IGNORED
        if bool(known.all()):
            return self.loss(logits, target)  # type: ignore[no-any-return]
        if not bool(known.any()):
            return logits.sum() * 0
        # image by image, since each has as many pixels as it has labels
        own = [
            self.loss(x[None, :, k][..., None], y[k][None, :, None])
            for x, y, k in zip(logits, target, known)
            if bool(k.any())
        ]
        return torch.stack(own).sum() / len(target)


class StudentLoss(nn.Module):
    """The loss of the fusion decoder plus that of the shape-guided branch.

    Args:
        config: of the loss of each.
        shape: weight of the branch.
        band: see :func:`boundary_of`.
    """

    def __init__(self, config: Mapping[str, Any] | None, shape: float, band: int) -> None:
        super().__init__()
        self.loss, self.shape, self.band = WhereLabelled(config), shape, band

    def forward(self, outputs: Tensor | tuple[Tensor, Tensor], target: Tensor) -> Tensor:
        """Return a scalar; ``outputs`` are logits or, while training, these and those of the boundary."""
        if isinstance(outputs, Tensor):
            return self.loss(outputs, target)  # type: ignore[no-any-return]
        logits, boundary = outputs
        total = self.loss(logits, target)
        if self.shape:
            total = total + self.shape * self.loss(boundary, boundary_of(target, self.band))
        return total  # type: ignore[no-any-return]
