"""LeViT-UNet (Xu et al. 2021): convolutions, the stages of a LeViT Transformer, and a U-Net's decoder.

All linear layers are 1 x 1 convolutions with batch normalisation; attention has a learned bias for each
distance.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.cascade import Cascade, ConvNormRelu


def _linear(inputs: int, outputs: int, side: int = 1, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class LevitAttention(nn.Module):
    """Attention with small keys; ``stride`` 2 asks from every other position and so halves the map.

    Args:
        inputs: channels.
        outputs: channels of the answer.
        heads: number of heads.
        size: rows and columns of the map.
        key: channels of a head's keys.
        ratio: channels of a head's values, in keys.
        stride: 1 or 2.
    """

    index: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        heads: int,
        size: tuple[int, int],
        key: int,
        ratio: int,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.heads, self.key, self.value, self.stride = heads, key, ratio * key, stride
        self.query = _linear(inputs, heads * key)
        self.key_value = _linear(inputs, heads * (key + self.value))
        self.project = nn.Sequential(nn.Hardswish(), _linear(heads * self.value, outputs))
        rows, columns = (torch.arange(n) for n in size)
        every = torch.cartesian_prod(rows, columns)
        asked = torch.cartesian_prod(rows[::stride], columns[::stride])
        apart = (asked[:, None] - every[None]).abs()
        self.register_buffer("index", apart[..., 0] * size[1] + apart[..., 1], persistent=False)
        self.bias = nn.Parameter(torch.zeros(heads, size[0] * size[1]))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, ceil(H / stride), ceil(W / stride))."""
        query = self.query(x[:, :, :: self.stride, :: self.stride])
        shape = query.shape[2:]
        q = query.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)
        joint = self.key_value(x).flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)
        k, v = joint.split([self.key, self.value], dim=-1)
        bias = self.bias[:, self.index][None].to(q.dtype)
        answer = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.project(answer.transpose(2, 3).flatten(1, 2).unflatten(2, shape))


class Residual(nn.Module):
    """A skip around a layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        return x + self.layer(x)


def _mlp(width: int, ratio: int = 2) -> Residual:
    return Residual(
        nn.Sequential(_linear(width, ratio * width), nn.Hardswish(), _linear(ratio * width, width))
    )


class LevitUnet(nn.Module):
    """LeViT-UNet-384 at its published size.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 16.
        widths: channels of each Transformer stage.
        heads: of each stage.
        depths: of each stage.
        key: channels of a head's keys.
        bottleneck: channels after the stages are joined.
        decoder: channels after each upsampling; the last one has no skip.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: tuple[int, int],
        widths: Sequence[int] = (384, 512, 768),
        heads: Sequence[int] = (6, 9, 12),
        depths: Sequence[int] = (4, 4, 4),
        key: int = 32,
        bottleneck: int = 512,
        decoder: Sequence[int] = (256, 128, 64, 16),
    ) -> None:
        super().__init__()
        if size[0] % 16 or size[1] % 16:
            raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by 16")
        stem = [widths[0] // 8, widths[0] // 4, widths[0] // 2, widths[0]]
        self.stem = nn.ModuleList(
            nn.Sequential(_linear(below, own, 3, 2), nn.Hardswish())
            for below, own in zip([channels, *stem[:-1]], stem)
        )
        grid = (size[0] // 16, size[1] // 16)
        self.stages = nn.ModuleList()
        for n, (width, own, depth) in enumerate(zip(widths, heads, depths)):
            layers: list[nn.Module] = []
            if n:
                below = widths[n - 1]
                shrink = LevitAttention(below, width, below // key, grid, key, 4, 2)
                layers += [shrink, _mlp(width)]
                grid = (-(-grid[0] // 2), -(-grid[1] // 2))
            for _ in range(depth):
                layers += [Residual(LevitAttention(width, width, own, grid, key, 2)), _mlp(width)]
            self.stages.append(nn.Sequential(*layers))
        self.join = nn.Sequential(ConvNormRelu(sum(widths), bottleneck), ConvNormRelu(bottleneck, bottleneck))
        self.decoder = Cascade(bottleneck, stem[-2::-1], decoder)
        self.head = nn.Conv2d(decoder[-1], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        x, skips, found = image, [], []
        for layer in self.stem:
            x = layer(x)
            skips.append(x)
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        grid = found[0].shape[2:]
        found = [F.interpolate(f, size=grid, mode="bilinear", align_corners=False) for f in found]
        x = self.join(torch.cat(found, dim=1))
        return self.head(self.decoder(x, skips[-2::-1]))
