"""Losses between logits and a label map, with deep supervision.

Logits are (B, 1, *grid) for one structure against the background, where the probability is their sigmoid, or
(B, C, *grid) for C classes with the background as class 0, where it is their softmax. Targets are (B, *grid)
whole numbers. Everything is computed in float32, whatever autocast does around it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest
from mlmi2023.losses.options import SegmentationLoss as Keys

KINDS = ("cross_entropy", "dice", "dice_cross_entropy")


def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy over voxels: binary for one channel, categorical for more.

    Args:
        logits: (B, 1 or C, *grid).
        target: (B, *grid) whole numbers below C (0 or 1 for one channel).
        weight: (C,) weights of the classes; the categorical mean is then over the weights.
    """
    logits = logits.float()
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], target.to(logits.dtype))
    return F.cross_entropy(logits, target.long(), weight=weight)


def soft_dice_loss(
    logits: Tensor, target: Tensor, *, background: bool = False, smooth: float = 1e-5, squared: bool = False,
    per_case: bool = True,
) -> Tensor:  # fmt: skip
    """Return 1 minus the mean soft Dice, (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth), by MONAI.

    A structure that is absent and not predicted costs nothing.

    Args:
        logits: (B, 1 or C, *grid).
        target: (B, *grid).
        background: whether class 0 of several counts as well.
        smooth: added above and below.
        squared: whether the sums below are of squares (V-Net's form).
        per_case: mean over the cases of the batch; else sums run over the whole batch.
    """
    from monai.losses import DiceLoss

    logits, classes = logits.float(), logits.shape[1]
    loss = DiceLoss(
        include_background=background or classes == 1,
        sigmoid=classes == 1,
        softmax=classes > 1,
        to_onehot_y=classes > 1,
        smooth_nr=smooth,
        smooth_dr=smooth,
        squared_pred=squared,
        batch=not per_case,
    )
    return loss(logits, target[:, None].to(logits.dtype))


class SegmentationLoss(nn.Module):
    """A weighted sum of soft Dice loss and cross-entropy.

    Args:
        kind: ``cross_entropy``, ``dice`` or ``dice_cross_entropy``.
        weights: of Dice and of cross-entropy, for ``dice_cross_entropy``.
        class_weights: of the cross-entropy's classes.
        dice: keyword arguments of :func:`soft_dice_loss`.

    Raises:
        InputError: an unknown kind.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        kind: str = "dice_cross_entropy",
        weights: Sequence[float] = (1.0, 1.0),
        class_weights: Sequence[float] | None = None,
        **dice: Any,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise InputError(f"config key loss.kind is {kind!r}{suggest(str(kind), list(KINDS))}")
        self.kind, self.weights, self.dice = kind, (float(weights[0]), float(weights[1])), dice
        own = None if class_weights is None else torch.tensor([float(w) for w in class_weights])
        self.register_buffer("class_weights", own, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return a float32 scalar for logits (B, C, *grid) and targets (B, *grid)."""
        with torch.autocast(logits.device.type, enabled=False):
            if self.kind == "cross_entropy":
                return cross_entropy(logits, target, self.class_weights)
            overlap = soft_dice_loss(logits, target, **self.dice)
            if self.kind == "dice":
                return overlap
            first, second = self.weights
            return first * overlap + second * cross_entropy(logits, target, self.class_weights)


class DeepSupervision(nn.Module):
    """Apply a loss to outputs at several resolutions and add them up by weight.

    Args:
        loss: of one output.
        weights: by output, finest first; scaled to a sum of 1. None: halved from one to the next.
    """

    def __init__(self, loss: nn.Module, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.weights = None if weights is None else [float(w) for w in weights]

    def forward(self, outputs: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        """Return the weighted sum; ``outputs`` are logits, finest first, ``target`` is at the finest grid.

        A single tensor takes the plain loss. Labels are brought to coarser grids by their nearest voxel.
        """
        if isinstance(outputs, Tensor):
            return self.loss(outputs, target)
        weights = self.weights or [0.5**k for k in range(len(outputs))]
        if len(weights) != len(outputs):
            raise InputError(f"deep supervision has {len(weights)} weights for {len(outputs)} outputs")
        total = outputs[0].new_zeros((), dtype=torch.float32)
        for weight, logits in zip(weights, outputs):
            if weight:
                total = total + weight / sum(weights) * self.loss(logits, at_size(target, logits.shape[2:]))
        return total


def at_size(target: Tensor, size: Sequence[int]) -> Tensor:
    """Return labels (B, *grid) at another grid, by nearest voxel."""
    if tuple(target.shape[1:]) == tuple(size):
        return target
    return F.interpolate(target[:, None].float(), size=list(size), mode="nearest-exact")[:, 0].to(
        target.dtype
    )


def build_loss(config: Mapping[str, Any] | None) -> SegmentationLoss:
    """Return the loss that a config's ``loss`` describes.

    Raises:
        InputError: an unknown key or a value that cannot be used.
    """
    return SegmentationLoss(**vars(options(Keys, config, "config", "loss")))
