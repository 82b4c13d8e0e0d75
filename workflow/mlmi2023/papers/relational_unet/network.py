"""RelationalUNet (Sect. 3.2, Fig. 2): a 3D U-Net with relational self-attention in its skip connections."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.nets.segmentation.builders import divide
from mlmi2023.papers.relational_unet.rsa import RSA


def norm_of(name: str, channels: int) -> nn.Module:
    """Return a normalisation layer.

    Raises:
        InputError: an unknown name.
    """
    if name not in ("instance", "batch"):
        raise InputError(f"config key net.norm is {name!r}; choose instance or batch")
    return nn.InstanceNorm3d(channels, affine=True) if name == "instance" else nn.BatchNorm3d(channels)


def double(into: int, out: int, norm: str, stride: int = 1) -> nn.Sequential:
    """Return two 3 x 3 x 3 convolutions, each with normalisation and ReLU; the first may have a stride."""
    layers: list[nn.Module] = []
    for first, step in ((into, stride), (out, 1)):
        layers += [nn.Conv3d(first, out, 3, step, 1, bias=False), norm_of(norm, out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class RelationalUNet(nn.Module):
    """The network, (B, channels, T, H, W) -> (B, classes, T, H, W).

    Args:
        channels: of the image.
        classes: output channels, the background among them.
        size: (T, H, W) of the image; must divide by 2 for each level but the first.
        features: channels of each level, the finest first.
        skip: ``rsa``, or ``identity`` for a plain 3D U-Net.
        down: ``pool`` halves by max pooling, ``conv`` by a stride of the level's first convolution.
        norm: ``instance`` or ``batch``.
        window: neighbours of RSA along T, H, W.
        heads: of RSA's queries.
        kernel: RSA's kernels: V, R or VR.
        context: RSA's contexts: V, R or VR.
        budget: see :class:`RSA`.

    Raises:
        InputError: an unknown option.
        ValueError: the image does not fit.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        features: Sequence[int] = (32, 64, 128, 256, 512),
        skip: str = "rsa",
        down: str = "pool",
        norm: str = "instance",
        window: Sequence[int] = (5, 7, 7),
        heads: int = 8,
        kernel: str = "VR",
        context: str = "VR",
        budget: float = 0.0,
    ) -> None:
        super().__init__()
        if skip not in ("rsa", "identity"):
            raise InputError(f"config key net.skip is {skip!r}; choose rsa or identity")
        if down not in ("pool", "conv"):
            raise InputError(f"config key net.down is {down!r}; choose pool or conv")
        divide(size, features)
        stride = 2 if down == "conv" else 1
        self.pool = nn.MaxPool3d(2) if down == "pool" else nn.Identity()
        befores = [channels, *features[:-1]]
        self.encoder = nn.ModuleList(
            double(before, own, norm, stride if level else 1)
            for level, (before, own) in enumerate(zip(befores, features))
        )
        self.skips = nn.ModuleList(
            RSA(own, window, heads, kernel, context, budget) if skip == "rsa" else nn.Identity()
            for own in features[:-1]
        )
        self.ups = nn.ModuleList(nn.ConvTranspose3d(below, own, 2, 2) for own, below in pairwise(features))
        self.decoder = nn.ModuleList(double(2 * own, own, norm) for own in features[:-1])
        self.head = nn.Conv3d(features[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        kept = []
        for level, block in enumerate(self.encoder):
            x = block(self.pool(x) if level else x)
            kept.append(x)
        for level in reversed(range(len(self.skips))):
            x = torch.cat([self.skips[level](kept[level]), self.ups[level](x)], dim=1)
            x = self.decoder[level](x)
        return self.head(x)
