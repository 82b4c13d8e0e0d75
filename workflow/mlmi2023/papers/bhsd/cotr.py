"""CoTr (Xie et al. 2021): a CNN's deeper maps through a deformable transformer, then a CNN decoder.

Written from the paper's description. The encoder has a convolution of 7 x 7 x 7 that halves the plane and
three stages of residual blocks, each of which halves all axes; the maps of these three are the transformer's
tokens. The decoder adds what the encoder has at each size and answers at several of them (deep supervision).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.bhsd.deformable import DeformableLayer, Shape, places, sine_code


class Residual(nn.Module):
    """A convolution of 3 x 3 x 3 with instance norm and leaky ReLU around a skip."""

    def __init__(self, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv3d(into, out, 3, stride, 1, bias=False)
        self.norm = nn.InstanceNorm3d(out, affine=True)
        same = into == out and stride == 1
        self.skip = nn.Identity() if same else nn.Sequential(
            nn.Conv3d(into, out, 1, stride, bias=False), nn.InstanceNorm3d(out, affine=True)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the block's size."""
        return F.leaky_relu(self.norm(self.conv(x)) + self.skip(x), 0.01)


class CoTr(nn.Module):
    """The network, (B, channels, T, H, W) to logits; while training a list of them, finest first.

    Args:
        channels: of the image.
        classes: of the answer.
        size: T, H, W of a patch; must divide by 8, 16, 16.
        features: channels of the stem and of the three stages.
        blocks: residual blocks of each stage.
        layers: of the transformer.
        heads: of its attention.
        points: places that a head looks at in each map.
        mlp: inside of its perceptrons.
        dropout: in the transformer.

    Raises:
        ValueError: the patch does not divide, or heads do not divide the channels of the last stage.
    """

    code: Tensor
    at: Tensor

    def __init__(
        self, channels: int, classes: int, size: Sequence[int], features: Sequence[int] = (64, 192, 384, 384),
        blocks: Sequence[int] = (3, 3, 2), layers: int = 6, heads: int = 6, points: int = 4, mlp: int = 1536,
        dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        if any(side % factor for side, factor in zip(size, (8, 16, 16))):
            raise ValueError(f"{' x '.join(map(str, size))} voxels do not divide by 8 x 16 x 16")
        if features[-1] % heads:
            raise ValueError(f"{features[-1]} channels do not divide by {heads} heads")
        stem, *stages = features
        width = stages[-1]
        self.whole = Residual(channels, max(stem // 2, 4))
        self.stem = nn.Sequential(
            nn.Conv3d(channels, stem, 7, (1, 2, 2), 3, bias=False), nn.InstanceNorm3d(stem, affine=True),
            nn.LeakyReLU(0.01),
        )  # fmt: skip
        self.stages = nn.ModuleList(
            nn.Sequential(Residual(before, own, 2), *(Residual(own, own) for _ in range(count - 1)))
            for before, own, count in zip(features, stages, blocks)
        )
        self.shapes: list[Shape] = [
            (size[0] // 2**k, size[1] // 2 ** (k + 1), size[2] // 2 ** (k + 1)) for k in (1, 2, 3)
        ]
        self.into = nn.ModuleList(nn.Conv3d(own, width, 1) for own in stages)
        self.level = nn.Parameter(torch.randn(len(stages), width) * 0.02)
        self.register_buffer("code", sine_code(self.shapes, width), persistent=False)
        self.register_buffer("at", places(self.shapes), persistent=False)
        self.transformer = nn.ModuleList(
            DeformableLayer(width, heads, len(stages), points, mlp, dropout) for _ in range(layers)
        )
        ups: list[tuple[int, int, int | tuple[int, int, int]]] = [
            (width, stages[1], 2),
            (stages[1], stages[0], 2),
            (stages[0], stem, 2),
            (stem, max(stem // 2, 4), (1, 2, 2)),
        ]
        self.ups = nn.ModuleList(nn.ConvTranspose3d(deep, own, step, step) for deep, own, step in ups)
        self.merged = nn.ModuleList(Residual(own, own) for _, own, _ in ups)
        self.side = nn.ModuleList(nn.Conv3d(width, own, 1) for own in (stages[1], stages[0]))
        self.heads = nn.ModuleList(nn.Conv3d(own, classes, 1) for _, own, _ in ups)

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return logits, or those of all depths while training."""
        maps = [self.stem(image)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        found = self._attended(maps[1:])
        skips = [self.side[0](found[1]), self.side[1](found[0]), maps[0], self.whole(image)]
        x, answers = found[2], []
        for up, block, skip, head in zip(self.ups, self.merged, skips, self.heads):
            x = block(up(x) + skip)
            answers.append(head(x))
        return answers[::-1] if self.training else answers[-1]

    def _attended(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the maps of the stages, all of one width, after they have looked at each other."""
        tokens = torch.cat([into(x).flatten(2).transpose(1, 2) for into, x in zip(self.into, maps)], 1)
        counts = [deep * tall * wide for deep, tall, wide in self.shapes]
        level = torch.cat([own.expand(n, -1) for own, n in zip(self.level, counts)])
        for layer in self.transformer:
            tokens = layer(tokens, self.code + level, self.at, self.shapes)
        parts = tokens.transpose(1, 2).split(counts, dim=2)
        return [part.unflatten(2, shape) for part, shape in zip(parts, self.shapes)]
