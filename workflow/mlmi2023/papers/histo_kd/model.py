"""Encoders, expanders and classifiers (Sect. 2.2)."""

from collections.abc import Mapping
from typing import cast

import torch
from monai.networks.nets.basic_unet import BasicUNet
from torch import Tensor, nn

from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.papers.histo_kd.options import JointNet, UNet
from mlmi2023.papers.histo_kd.options import ResNet as Sizes


class Encoder(nn.Module):
    """ResNet with global average pooling.

    Args:
        own: sizes.
    """

    def __init__(self, own: Sizes) -> None:
        super().__init__()
        self.trunk = ResNet(3, own.depths, own.width)
        #: numbers that an image becomes, 2048 with ResNet-50
        self.width: int = self.trunk.channels[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, width) of images (B, 3, H, W)."""
        return cast(Tensor, self.trunk(x)[-1]).mean((2, 3))


class LowestLevel(nn.Module):
    """The way down of a U-Net, with global average pooling.

    Args:
        unet: whose levels are used.
        own: its sizes.
    """

    def __init__(self, unet: BasicUNet, own: UNet) -> None:
        super().__init__()
        self.levels = nn.Sequential(unet.conv_0, unet.down_1, unet.down_2, unet.down_3, unet.down_4)
        self.width: int = own.features[4]

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, width) of images (B, 3, H, W)."""
        return cast(Tensor, self.levels(x)).mean((2, 3))


def build_unet(own: UNet) -> BasicUNet:
    """Return the U-Net from H&E (B, 3, H, W) to the second stain (B, 1, H, W)."""
    return BasicUNet(2, 3, 1, own.features, act=("relu", {"inplace": True}), norm=("batch", {"affine": True}))


class Expander(nn.Sequential):
    """Three dense layers, batch normalisation and ReLU between them.

    Args:
        inputs: features of the encoder.
        width: of each layer.
    """

    def __init__(self, inputs: int, width: int) -> None:
        layers: list[nn.Module] = []
        for before in (inputs, width):
            layers += [nn.Linear(before, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Linear(width, width))


class JointEmbedding(nn.Module):
    """Two branches, each an encoder and an expander; shared, both are one and the same.

    Args:
        own: sizes.
        shared: whether they are.
    """

    def __init__(self, own: JointNet, shared: bool) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(Encoder(own) for _ in range(1 if shared else 2))
        self.expanders = nn.ModuleList(
            Expander(cast(Encoder, encoder).width, own.expander) for encoder in self.encoders
        )

    def encoder(self, branch: int) -> Encoder:
        """Return the encoder of branch 0 or 1."""
        return cast(Encoder, self.encoders[min(branch, len(self.encoders) - 1)])

    def embed(self, x: Tensor, branch: int) -> Tensor:
        """Return the embedding (B, d) of what a branch sees, (B, 3, H, W)."""
        expander = self.expanders[min(branch, len(self.expanders) - 1)]
        return cast(Tensor, expander(self.encoder(branch)(x)))

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings of both views."""
        return self.embed(a, 0), self.embed(b, 1)


class Classifiers(nn.Module):
    """A dense layer for each target on the features of an encoder; softmax is the loss's.

    Args:
        encoders: by name.
        reads: by target, the name of the encoder that its layer reads.
        classes: by target, how many.
    """

    def __init__(
        self, encoders: Mapping[str, nn.Module], reads: Mapping[str, str], classes: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.encoders, self.reads = nn.ModuleDict(encoders), dict(reads)
        width = {name: cast(int, encoder.width) for name, encoder in encoders.items()}
        self.heads = nn.ModuleDict(
            {target: nn.Linear(width[reads[target]], count) for target, count in classes.items()}
        )

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """Return the features of images (B, 3, H, W) by encoder."""
        return {name: encoder(x) for name, encoder in self.encoders.items()}

    def judge(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return logits (B, classes) by target of features by encoder."""
        return {target: head(features[self.reads[target]]) for target, head in self.heads.items()}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return logits (B, classes) by target of images (B, 3, H, W)."""
        return self.judge(self.features(x))


def begin(seed: int, restart: int) -> None:
    """Set the random state from which a network starts: that of the seed, or of another start of it."""
    if restart:
        torch.manual_seed((seed + 1) * 7919 + restart)
