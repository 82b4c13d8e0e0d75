"""U2-Net (Qin et al. 2020), the backbone: a U of U's, whose decoder takes further maps beside its skips."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: dilations on the way down of the two lowest stages, which are not pooled any more
DILATED = (1, 2, 4, 8)
#: stages; the lowest has no stage of its own on the way up
STAGES = 6


class ConvUnit(nn.Sequential):
    """Convolution of 3 x 3, batch normalisation, ReLU."""

    def __init__(self, channels: int, out: int, dilation: int = 1) -> None:
        conv = nn.Conv2d(channels, out, 3, padding=dilation, dilation=dilation)
        super().__init__(conv, nn.BatchNorm2d(out), nn.ReLU())


def halved(x: Tensor) -> Tensor:
    """Return the maxima of 2 x 2 pixels; an odd last row or column counts alone."""
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


def at_size_of(x: Tensor, other: Tensor) -> Tensor:
    """Return maps at the size of others, bilinearly."""
    if x.shape[2:] == other.shape[2:]:
        return x
    return F.interpolate(x, size=list(other.shape[2:]), mode="bilinear", align_corners=False)


class Rsu(nn.Module):
    """A residual U-block of ``depth`` convolutions on its way down, pooled between them.

    Args:
        depth: of the U; RSU-7 has 7.
        channels: of the input.
        mid: inside of the U.
        out: of the output.
    """

    def __init__(self, depth: int, channels: int, mid: int, out: int) -> None:
        super().__init__()
        self.enter = ConvUnit(channels, out)
        self.down = nn.ModuleList([ConvUnit(out if k == 0 else mid, mid) for k in range(depth - 1)])
        self.bottom = ConvUnit(mid, mid, 2)
        self.up = nn.ModuleList([ConvUnit(2 * mid, out if k == 0 else mid) for k in range(depth - 1)])

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W)."""
        start = self.enter(x)
        passed: list[Tensor] = []
        for k, conv in enumerate(self.down):
            passed.append(conv(halved(passed[-1]) if k else start))
        found = self.bottom(passed[-1])
        for conv, skip in zip(reversed(self.up), reversed(passed)):
            found = conv(torch.cat([at_size_of(found, skip), skip], 1))
        return found + start  # type: ignore[no-any-return]


class DilatedRsu(nn.Module):
    """RSU-4F: dilated convolutions take the place of pooling."""

    def __init__(self, channels: int, mid: int, out: int) -> None:
        super().__init__()
        self.enter = ConvUnit(channels, out)
        self.down = nn.ModuleList([ConvUnit(mid if k else out, mid, d) for k, d in enumerate(DILATED)])
        self.up = nn.ModuleList([ConvUnit(2 * mid, mid if k else out, d) for k, d in enumerate(DILATED[:-1])])

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W)."""
        start = self.enter(x)
        found, passed = start, []
        for conv in self.down:
            found = conv(found)
            passed.append(found)
        for conv, skip in zip(reversed(self.up), reversed(passed[:-1])):
            found = conv(torch.cat([found, skip], 1))
        return found + start  # type: ignore[no-any-return]


class U2Net(nn.Module):
    """Six stages down, five up, a side output of each, and their fusion by a convolution of 1 x 1.

    Args:
        channels: of the image.
        classes: of every output.
        mids: channels inside of the six stages' blocks.
        outs: channels that leave them.
        depths: of the first four blocks; the other two are RSU-4F.
        extra: channels of maps that join the skip of each of the five stages up, finest first.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        mids: Sequence[int] = (32, 32, 64, 128, 256, 256),
        outs: Sequence[int] = (64, 128, 256, 512, 512, 512),
        depths: Sequence[int] = (7, 6, 5, 4),
        extra: Sequence[int] = (0, 0, 0, 0, 0),
    ) -> None:
        super().__init__()
        before = [channels, *outs[:-1]]
        self.encoder = nn.ModuleList([_block(k, depths, before[k], mids[k], outs[k]) for k in range(STAGES)])
        # a stage up answers with what the stage above it has; the first has half of its channels inside
        decoded = [outs[max(k - 1, 0)] for k in range(STAGES - 1)]
        below = [*decoded[1:], outs[-1]]
        self.decoder = nn.ModuleList(
            [
                _block(
                    k,
                    depths,
                    below[k] + outs[k] + extra[k],
                    mids[k] if k else max(1, mids[0] // 2),
                    decoded[k],
                )
                for k in range(STAGES - 1)
            ]
        )
        self.sides = nn.ModuleList([nn.Conv2d(n, classes, 3, padding=1) for n in (*decoded, outs[-1])])
        self.fuse = nn.Conv2d(STAGES * classes, classes, 1)
        self.width = decoded[0]

    def encode(self, image: Tensor) -> list[Tensor]:
        """Return the maps of the six stages, finest first."""
        found = [self.encoder[0](image)]
        for stage in self.encoder[1:]:
            found.append(stage(halved(found[-1])))
        return found

    def decode(self, features: Sequence[Tensor], extra: Sequence[Tensor | None]) -> list[Tensor]:
        """Return the maps of the way up, finest first, the lowest stage's last.

        Args:
            features: of :meth:`encode`.
            extra: maps beside the skips of the five stages, at their sizes; None where there are none.
        """
        found = [features[-1]]
        for k in reversed(range(STAGES - 1)):
            parts = [at_size_of(found[0], features[k]), features[k]]
            more = extra[k]
            found.insert(0, self.decoder[k](torch.cat(parts if more is None else [*parts, more], 1)))
        return found

    def answers(self, decoded: Sequence[Tensor]) -> list[Tensor]:
        """Return logits (B, classes, H, W): fused, then those of the six sides."""
        sides = [at_size_of(side(maps), decoded[0]) for side, maps in zip(self.sides, decoded)]
        return [self.fuse(torch.cat(sides, 1)), *sides]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the same for images (B, channels, H, W), without further maps."""
        return self.answers(self.decode(self.encode(image), [None] * (STAGES - 1)))


def _block(stage: int, depths: Sequence[int], channels: int, mid: int, out: int) -> nn.Module:
    if stage < len(depths):
        return Rsu(depths[stage], channels, mid, out)
    return DilatedRsu(channels, mid, out)
