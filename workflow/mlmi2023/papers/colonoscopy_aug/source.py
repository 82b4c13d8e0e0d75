"""Frames on the device: colours, normalisation, flips and turns, and the masking of Sect. 2.3."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.papers.colonoscopy_aug.edges import LIGHT
from mlmi2023.training.data.augment2d import DRAWS, Augment2D

#: of ImageNet's images, by which frames are normalised
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: random numbers beyond those of the shared augmentation: five of colours, and of the mask
MORE = 6
JITTER = ("brightness", "contrast", "saturation", "hue")


def normalised(frames: Tensor, symmetric: bool = False) -> Tensor:
    """Return network input of frames (B, 3, H, W) in [0, 1].

    Args:
        frames: as photographed.
        symmetric: to [-1, 1], for a network that draws frames by tanh; else by ImageNet's mean and spread.
    """
    if symmetric:
        return 2 * frames - 1
    mean, spread = (torch.tensor(v, device=frames.device).view(1, 3, 1, 1) for v in (MEAN, SPREAD))
    return (frames - mean) / spread


def jittered(frames: Tensor, jitter: Mapping[str, Any], draw: Tensor) -> Tensor:
    """Return frames (B, 3, H, W) in [0, 1] in other colours.

    Args:
        frames: as photographed.
        jitter: keys of :class:`~mlmi2023.papers.colonoscopy_aug.options.Jitter`.
        draw: (B, 5) in [0, 1): whether, and how much of each of ``JITTER``.
    """
    if not jitter.get("chance"):
        return frames
    u = draw.to(frames.device)
    by = {
        key: (float(jitter.get(key, 0.0)) * (2 * u[:, n] - 1)).view(-1, 1, 1, 1)
        for n, key in enumerate(JITTER, 1)
    }
    weights = torch.tensor(LIGHT, device=frames.device).view(1, 3, 1, 1)
    found = frames * (1 + by["brightness"])
    middle = (found * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    found = middle + (1 + by["contrast"]) * (found - middle)
    grey = (found * weights).sum(1, keepdim=True)
    found = grey + (1 + by["saturation"]) * (found - grey)
    found = _turned(found, 2 * math.pi * by["hue"])
    changed = (u[:, 0] < float(jitter["chance"])).view(-1, 1, 1, 1)
    return torch.where(changed, found.clamp(0, 1), frames)


def _turned(frames: Tensor, angle: Tensor) -> Tensor:
    """Turn colours about the axis of greys, by angles (B, 1, 1, 1) in radians (Rodrigues' formula)."""
    red, green, blue = frames.unbind(1)
    across = torch.stack([blue - green, red - blue, green - red], dim=1) / math.sqrt(3)
    along = frames.mean(1, keepdim=True)
    return frames * angle.cos() + across * angle.sin() + along * (1 - angle.cos())


class MaskedFrames(nn.Module):
    """All frames, masks and keep-maps, on the module's device in 8 bits.

    A source for :class:`mlmi2023.tasks.segmentation.module.Segmentation`, like
    :class:`mlmi2023.training.data.images.DeviceImages`.

    Args:
        images: (N, H, W, 3) uint8.
        masks: (N, H, W) labels.
        keep: (N, H, W), 1 where a pixel is kept; None: nothing is ever blanked.
        augment: of training frames, their masks and keep-maps together.
        jitter: see :func:`jittered`.
        mask: keys of :class:`~mlmi2023.papers.colonoscopy_aug.options.Mask`.
        symmetric: see :func:`normalised`; the frames themselves then stay as they are.
    """

    images: Tensor
    masks: Tensor
    keep: Tensor | None

    def __init__(
        self,
        images: np.ndarray,
        masks: np.ndarray,
        keep: np.ndarray | None,
        augment: Augment2D | None,
        jitter: Mapping[str, Any],
        mask: Mapping[str, Any] | None,
        symmetric: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("images", torch.from_numpy(np.array(images)), persistent=False)
        self.register_buffer("masks", torch.from_numpy(np.array(masks)), persistent=False)
        kept = None if keep is None else torch.from_numpy(keep)
        self.register_buffer("keep", kept, persistent=False)
        self.augment, self.jitter, self.mask, self.symmetric = augment, dict(jitter), mask, symmetric

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        """Return input (B, 3, H, W), masked where the method masks frames, and target (B, H, W) int64."""
        image, target, keep = self.taken(batch, train)
        return (image if self.symmetric else image * keep), target

    def taken(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return input without masking, target, and what is kept of each frame, (B, 1, H, W)."""
        row = batch["row"]
        frames = self.images[row].permute(0, 3, 1, 2).float() / 255
        labels = self.masks[row].long()
        keep = torch.ones_like(labels) if self.keep is None else self.keep[row].long()
        if not train:
            return normalised(frames, self.symmetric), labels, torch.ones_like(keep)[:, None].float()
        draw = batch["draw"]
        frames = normalised(jittered(frames, self.jitter, draw[:, DRAWS:]), self.symmetric)
        if self.augment is not None:
            frames, both = self.augment(frames, torch.stack([labels, keep], 1), draw[:, :DRAWS])
            labels, keep = both[:, 0], both[:, 1]
        return frames, labels, self._now(keep[:, None].float(), draw[:, -1].to(frames.device))

    def _now(self, keep: Tensor, draw: Tensor) -> Tensor:
        """Return the keep-maps where this step masks, ones elsewhere."""
        if self.mask is None:
            return torch.ones_like(keep)
        if self.mask.get("per", "batch") == "batch":
            draw = draw[:1].expand(len(keep))
        masks = (draw < float(self.mask["p"])).view(-1, 1, 1, 1)
        return torch.where(masks, keep, torch.ones_like(keep))
