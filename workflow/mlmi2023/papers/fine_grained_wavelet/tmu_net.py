"""TMU-Net (Azad et al. 2022): a convolutional encoder and a Transformer whose answer weighs the regions.

The Transformer reads patches of the image. Its mean token says what the whole image is about; each region
counts by its likeness to it (contextual attention). A second output draws the object's border.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.cascade import Cascade, ConvNormRelu
from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.nets.blocks.vit import TransformerBlock


class ContextualAttention(nn.Module):
    """Weigh convolutional features by region and join them with the Transformer's."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.region, self.whole = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.narrow = nn.Conv2d(hidden, outputs, 1)
        self.join = ConvNormRelu(features + outputs, outputs)

    def forward(self, maps: Tensor, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return (B, outputs, h, w) of maps (B, features, h, w) and tokens (B, N, hidden) on ``grid``."""
        whole = self.whole(tokens.mean(dim=1, keepdim=True))
        weight = ((self.region(tokens) * whole).sum(-1) / tokens.shape[2] ** 0.5).sigmoid()
        size = maps.shape[2:]
        weight = F.interpolate(weight.unflatten(1, grid)[:, None], size=size, mode="bilinear")
        context = self.narrow(tokens.transpose(1, 2).unflatten(2, grid))
        context = F.interpolate(context, size=size, mode="bilinear")
        return self.join(torch.cat([maps * weight, context], dim=1))


class TMUNet(nn.Module):
    """The network; its answer joins both outputs.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 16.
        depths: of the ResNet.
        width: of its stem.
        patch: pixels along a side of a token.
        hidden: channels of the tokens.
        heads: of the Transformer.
        layers: of the Transformer.
        bottleneck: channels between encoder and decoder.
        decoder: channels after each upsampling.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: tuple[int, int],
        depths: Sequence[int] = (3, 4, 6),
        width: int = 64,
        patch: int = 16,
        hidden: int = 768,
        heads: int = 12,
        layers: int = 12,
        bottleneck: int = 512,
        decoder: Sequence[int] = (256, 128, 64, 32),
    ) -> None:
        super().__init__()
        if size[0] % patch or size[1] % patch or size[0] % 16 or size[1] % 16:
            raise ValueError(
                f"an image of {size[0]} x {size[1]} does not divide by 16 and by patches of {patch}"
            )
        self.encoder = ResNet(channels, depths, width)
        self.grid = (size[0] // patch, size[1] // patch)
        self.embed = nn.Conv2d(channels, hidden, patch, patch)
        self.position = nn.Parameter(torch.zeros(1, self.grid[0] * self.grid[1], hidden))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.transformer = nn.Sequential(
            *(TransformerBlock(hidden, heads, 4 * hidden, 0.1) for _ in range(layers)), nn.LayerNorm(hidden)
        )
        *skips, deepest = self.encoder.channels
        self.context = ContextualAttention(deepest, hidden, bottleneck)
        self.decoder = Cascade(bottleneck, skips[::-1], decoder)
        self.border = nn.Conv2d(decoder[-1], 1, 1)
        self.head = nn.Conv2d(decoder[-1] + 1, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        *skips, x = self.encoder(image)
        tokens = self.transformer(self.embed(image).flatten(2).transpose(1, 2) + self.position)
        x = self.decoder(self.context(x, tokens, self.grid), skips[::-1])
        return self.head(torch.cat([x, self.border(x)], dim=1))
