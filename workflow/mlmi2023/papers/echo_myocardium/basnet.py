"""BASNet (Qin et al. 2019), a baseline: a ResNet-34 that predicts, and a small U that refines the answer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.papers.echo_myocardium.u2net import ConvUnit, at_size_of, halved

#: blocks of the four stages of ResNet-34
BLOCKS = (3, 4, 6, 3)


class BasicBlock(nn.Module):
    """Two convolutions of 3 x 3 beside a shortcut."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        same = stride == 1 and channels == out
        self.short = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H / stride, W / stride)."""
        return torch.relu(self.body(x) + self.short(x))


def _stage(channels: int, out: int, blocks: int, stride: int = 1) -> nn.Sequential:
    first = BasicBlock(channels, out, stride)
    return nn.Sequential(first, *(BasicBlock(out, out) for _ in range(blocks - 1)))


def _three(channels: int, mid: int, out: int, dilations: Sequence[int] = (1, 1, 1)) -> nn.Sequential:
    sizes = (channels, mid, mid, out)
    return nn.Sequential(*(ConvUnit(a, b, d) for a, b, d in zip(sizes, sizes[1:], dilations)))


class Refinement(nn.Module):
    """The residual refinement module: a U of five levels over the coarse answer."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(classes, width, 3, padding=1)
        self.down = nn.ModuleList([ConvUnit(width, width) for _ in range(4)])
        self.bottom = ConvUnit(width, width)
        self.up = nn.ModuleList([ConvUnit(2 * width, width) for _ in range(4)])
        self.leave = nn.Conv2d(width, classes, 3, padding=1)

    def forward(self, coarse: Tensor) -> Tensor:
        """Return refined logits of coarse ones, (B, classes, H, W)."""
        found, passed = self.enter(coarse), []
        for conv in self.down:
            passed.append(conv(found))
            found = halved(passed[-1])
        found = self.bottom(found)
        for conv, skip in zip(reversed(self.up), reversed(passed)):
            found = conv(torch.cat([at_size_of(found, skip), skip], 1))
        return coarse + self.leave(found)  # type: ignore[no-any-return]


class BasNet(nn.Module):
    """Logits, finest first: refined, then those of the six stages up, then of the bridge.

    Args:
        channels: of the image.
        classes: of every output.
        width: channels of the first stage; 64 as published.
        blocks: of the four stages of the residual network.
    """

    def __init__(self, channels: int, classes: int, width: int = 64, blocks: Sequence[int] = BLOCKS) -> None:
        super().__init__()
        w = width
        self.enter = nn.Sequential(nn.Conv2d(channels, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU())
        outs = (w, 2 * w, 4 * w, 8 * w)
        self.down = nn.ModuleList(
            [_stage(w if k == 0 else outs[k - 1], outs[k], blocks[k], 2 if k else 1) for k in range(4)]
            + [_stage(8 * w, 8 * w, 3), _stage(8 * w, 8 * w, 3)]
        )
        self.bridge = _three(8 * w, 8 * w, 8 * w, (2, 2, 2))
        wide = 8 * w
        self.up = nn.ModuleList(
            [
                _three(2 * w, w, w),
                _three(4 * w, 2 * w, w),
                _three(8 * w, 4 * w, 2 * w),
                _three(16 * w, wide, 4 * w),
                _three(16 * w, wide, wide),
                _three(16 * w, wide, wide, (1, 2, 2)),
            ]
        )
        heads = (w, w, 2 * w, 4 * w, wide, wide, wide)
        self.sides = nn.ModuleList([nn.Conv2d(n, classes, 3, padding=1) for n in heads])
        self.refine = Refinement(classes, w)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return eight logits (B, classes, H, W) of images (B, channels, H, W)."""
        passed, found = [], self.enter(image)
        for k, stage in enumerate(self.down):
            # the two stages beyond the residual network are pooled before
            found = stage(halved(found) if k > 3 else found)
            passed.append(found)
        decoded = [self.bridge(found)]
        for conv, skip in zip(reversed(self.up), reversed(passed)):
            decoded.insert(0, conv(torch.cat([at_size_of(decoded[0], skip), skip], 1)))
        sides = [at_size_of(side(maps), image) for side, maps in zip(self.sides, decoded)]
        return [self.refine(sides[0]), *sides]
