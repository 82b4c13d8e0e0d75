"""OFSNet (Sect. 2.1, Fig. 2) and what all networks answer: masks, and by choice flows and distances."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mlmi2023.papers.echo_myocardium.pwc import PwcBlock, resized_flow
from mlmi2023.papers.echo_myocardium.u2net import STAGES, ConvUnit, U2Net

#: channels of the answer: the cavity within the endocardium, and all within the epicardium
CHANNELS = 2


class Answer(NamedTuple):
    """What a network says of clips of N frames.

    Attributes:
        logits: (B, N, 2, H, W) of endocardium and epicardium, the final ones first, then those of the sides.
        distances: signed distances (B, N, 1, H, W) in -1 to 1, or None.
        forward: flows (B, N - 1, 2, H, W) from each frame to the next, pixels, or None.
        back: the same to the one before.
    """

    logits: list[Tensor]
    distances: Tensor | None = None
    forward: Tensor | None = None
    back: Tensor | None = None


class Framewise(nn.Module):
    """Any network of single images, on clips.

    Args:
        body: images (B, 1, H, W) -> logits (B, 2, H, W), or several, the final ones first.
    """

    #: whether neighbouring frames, or frames without labels, say anything to it
    sees_clips = False

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, clip: Tensor) -> Answer:
        """Return masks of clips (B, N, 1, H, W)."""
        found = self.body(clip.flatten(0, 1))
        several = [found] if isinstance(found, Tensor) else list(found)
        return Answer([logits.unflatten(0, clip.shape[:2]) for logits in several])


class OfsNet(nn.Module):
    """U2-Net shared by all frames, with optical flow and signed distances by choice.

    Args:
        channels: of a frame.
        classes: of the answer.
        size: of frames; not used.
        mids: see :class:`.u2net.U2Net`.
        outs: the same.
        depths: the same.
        flow: ``levels``, ``join`` and the sizes of :class:`.pwc.PwcBlock`; None: no flow.
        shape: whether signed distances are answered, too.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        mids: Sequence[int] = (32, 32, 64, 128, 256, 256),
        outs: Sequence[int] = (64, 128, 256, 512, 512, 512),
        depths: Sequence[int] = (7, 6, 5, 4),
        flow: Mapping[str, Any] | None = None,
        shape: bool = False,
    ) -> None:
        super().__init__()
        keys = dict(flow or {})
        self.levels = tuple(keys.pop("levels", (5, 4, 3, 2))) if flow is not None else ()
        self.join = keys.pop("join", "scales")
        joined = self.levels if self.join == "scales" else ()
        extra = [2 if k + 1 in joined else 0 for k in range(STAGES - 1)]
        self.body = U2Net(channels, classes, mids, outs, depths, extra)
        self.flow = (
            PwcBlock({level: outs[level - 1] for level in self.levels}, **keys) if self.levels else None
        )
        width = self.body.width
        self.last: nn.Module | None = None
        if self.levels and self.join == "last":
            self.last = nn.Sequential(ConvUnit(width + 2, width), nn.Conv2d(width, classes, 3, padding=1))
        self.shape = nn.Conv2d(width, 1, 3, padding=1) if shape else None
        self.sees_clips = bool(self.levels) or shape

    def forward(self, clip: Tensor) -> Answer:
        """Return what is said of clips (B, N, 1, H, W); flows need N of 2 or more."""
        features = self.body.encode(clip.flatten(0, 1))
        extra: list[Tensor | None] = [None] * (STAGES - 1)
        flows: dict[int, Tensor] = {}
        if self.flow is not None:
            flows = self.flow({k: features[k - 1].unflatten(0, clip.shape[:2]) for k in self.levels})
            if self.join == "scales":
                for level, both in flows.items():
                    extra[level - 1] = own_flow(both).flatten(0, 1)
        decoded = self.body.decode(features, extra)
        logits = self.body.answers(decoded)
        forward = back = None
        if flows:
            finest = flows[min(flows)]
            full = resized_flow(finest.flatten(0, 2), clip.shape[3:]).unflatten(0, finest.shape[:3])
            forward, back = full[0], full[1]
            if self.last is not None:
                logits = [self.last(torch.cat([decoded[0], own_flow(full).flatten(0, 1)], 1)), *logits]
        distances = None
        if self.shape is not None:
            distances = torch.tanh(self.shape(decoded[0])).unflatten(0, clip.shape[:2])
        return Answer([own.unflatten(0, clip.shape[:2]) for own in logits], distances, forward, back)


def own_flow(both: Tensor) -> Tensor:
    """Return the flow that each frame goes with (B, N, 2, h, w): to the next, of the last to the one before.

    Args:
        both: (2, B, N - 1, 2, h, w), forward and back.
    """
    return torch.cat([both[0], both[1][:, -1:]], 1)


def masks_of(logits: Tensor) -> Tensor:
    """Return labels (..., H, W) uint8 of logits (..., 2, H, W): 1 in the endocardium, 2 the myocardium."""
    endo, epi = logits[..., 0, :, :] > 0, logits[..., 1, :, :] > 0
    return torch.where(endo, 1, torch.where(epi, 2, 0)).to(torch.uint8)


def channels_of(labels: Tensor) -> Tensor:
    """Return masks (..., 2, H, W) float of labels (..., H, W): the filled cavity, and it with the muscle."""
    return torch.stack([labels == 1, labels >= 1], -3).float()


def myocardium_of(logits: Tensor) -> Tensor:
    """Return the heat map of the myocardium (..., 1, H, W): in the epicardium, not in the endocardium."""
    chance = torch.sigmoid(logits)
    return chance[..., 1:, :, :] * (1 - chance[..., :1, :, :])
