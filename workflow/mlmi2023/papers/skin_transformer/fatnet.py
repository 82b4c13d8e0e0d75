"""FAT-Net (Wu et al. 2022), written from its description: two encoders, convolutional and transformer.

A ResNet-34 without pooling after its first convolution ends at 1/16 of the image, where a vision transformer
on patches of 16 pixels (DeiT's tiny size) has its tokens. Both are joined, their channels weighed by squeeze
and excitation, and decoded; what skips to the decoder passes feature adaptation modules, the more the finer.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.vit import TransformerBlock


class Adaptation(nn.Module):
    """Feature adaptation: a 3x3 and a 1x1 convolution, each with norm and ReLU, added up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide, self.narrow = _conv(width, width, 3), _conv(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape."""
        return self.wide(x) + self.narrow(x)


class SqueezeExcitation(nn.Module):
    """Weigh channels by a perceptron of their means."""

    def __init__(self, width: int, reduction: int = 16) -> None:
        super().__init__()
        inside = max(1, width // reduction)
        self.weigh = nn.Sequential(
            nn.Linear(width, inside), nn.ReLU(), nn.Linear(inside, width), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape (B, C, h, w)."""
        return x * self.weigh(x.mean(dim=(2, 3)))[:, :, None, None]


class Up(nn.Sequential):
    """Double the resolution: narrow to a quarter of the channels, upsample by a filter, widen again."""

    def __init__(self, inputs: int, outputs: int) -> None:
        inside = max(1, inputs // 4)
        super().__init__(
            _conv(inputs, inside, 1),
            nn.ConvTranspose2d(inside, inside, 3, 2, 1, output_padding=1, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU(),
            _conv(inside, outputs, 1),
        )


def _conv(inputs: int, outputs: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, padding=side // 2), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class FATNet(nn.Module):
    """The network at its published size: 29.0 million weights.

    Args:
        channels: of the image.
        classes: of the answer.
        size: rows and columns of the image, divisible by 16.
        widths: channels of the residual network's stages.
        depths: blocks of each.
        hidden: channels of a token.
        heads: of its attention.
        layers: of the transformer.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        size: tuple[int, int] = (224, 224),
        widths: Sequence[int] = (64, 128, 256, 512),
        depths: Sequence[int] = (3, 4, 6, 3),
        hidden: int = 192,
        heads: int = 3,
        layers: int = 12,
    ) -> None:
        super().__init__()
        from monai.networks.nets.resnet import ResNet, ResNetBlock

        if size[0] % 16 or size[1] % 16:
            raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by 16")
        self.cnn = ResNet(
            ResNetBlock, list(depths), list(widths), spatial_dims=2, n_input_channels=channels,
            conv1_t_size=7, conv1_t_stride=2, no_max_pool=True, feed_forward=False,
        )  # fmt: skip
        self.patches = nn.Conv2d(channels, hidden, 16, 16)
        self.position = nn.Parameter(torch.zeros(1, (size[0] // 16) * (size[1] // 16), hidden))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks = nn.Sequential(*(TransformerBlock(hidden, heads, 4 * hidden) for _ in range(layers)))
        self.norm = nn.LayerNorm(hidden)
        deepest = widths[-1]
        self.widen = nn.Conv2d(hidden, deepest, 1)
        self.weigh, self.narrow = SqueezeExcitation(2 * deepest), nn.Conv2d(2 * deepest, deepest, 1)
        # the finest skip passes most modules
        self.adapt = nn.ModuleList(
            nn.Sequential(*(Adaptation(width) for _ in range(len(widths) - 1 - n)))
            for n, width in enumerate(widths[:-1])
        )
        upwards = [*reversed(widths), widths[0]]
        self.up = nn.ModuleList(Up(a, b) for a, b in itertools.pairwise(upwards))
        half = max(8, widths[0] // 2)
        self.head = nn.Sequential(_conv(widths[0], half, 3), nn.Conv2d(half, classes, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes, H, W) of (B, C, H, W)."""
        x = F.relu(self.cnn.bn1(self.cnn.conv1(image)))
        skips = []
        for layer in (self.cnn.layer1, self.cnn.layer2, self.cnn.layer3):
            x = layer(x)
            skips.append(x)
        x = self.cnn.layer4(x)
        tokens = self.patches(image)
        grid = tokens.shape[2:]
        tokens = self.norm(self.blocks(tokens.flatten(2).transpose(1, 2) + self.position))
        seen = self.widen(tokens.transpose(1, 2).unflatten(2, grid))
        x = self.narrow(self.weigh(torch.cat([x, seen], dim=1)))
        for number, up in enumerate(self.up):
            x = up(x)
            if number < len(skips):
                x = x + self.adapt[-1 - number](skips[-1 - number])
        return self.head(x)
