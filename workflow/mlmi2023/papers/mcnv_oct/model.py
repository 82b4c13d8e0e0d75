"""The paper's network (Fig. 1): a transformer branch and a CNN branch, fused at three scales and decoded."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.cascade import ConvNormRelu
from mlmi2023.papers.mcnv_oct.fusion import Fusion
from mlmi2023.papers.mcnv_oct.vit_branch import PlainViT, SuperTokenViT


class Up(nn.Module):
    """Double the resolution: bilinear, then a 3 x 3 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolve = ConvNormRelu(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, 2 h, 2 w)."""
        return self.convolve(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))


class CnnBranch(nn.Module):
    """The first four steps of a ResNet of basic blocks, each of which halves the image; MONAI's.

    Args:
        channels: of the image.
        features: channels of the stages at 1/4, 1/8 and 1/16; the stem has as many as the first.
        depths: blocks of each.
    """

    def __init__(self, channels: int, features: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        from monai.networks.nets.resnet import ResNet, ResNetBlock

        self.net = ResNet(
            ResNetBlock, [*depths, 1], [*features, features[-1]], spatial_dims=2, n_input_channels=channels,
            conv1_t_size=7, conv1_t_stride=2, feed_forward=False, bias_downsample=False,
        )  # fmt: skip
        self.net.layer4 = nn.Sequential()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps n at 1/4, 1/8 and 1/16 of (B, C, H, W)."""
        net, maps = self.net, []
        x = net.maxpool(net.act(net.bn1(net.conv1(image))))
        for layer in (net.layer1, net.layer2, net.layer3):
            x = layer(x)
            maps.append(x)
        return maps


class VitBranch(nn.Module):
    """A transformer and its decoder: the map at 1/16, and two steps up from it.

    Args:
        encoder: its answer has ``features[2]`` channels.
        features: channels of the maps at 1/4, 1/8 and 1/16.
        coarse: whether the encoder's answer is at 1/32, which is doubled first.
    """

    def __init__(self, encoder: nn.Module, features: Sequence[int], coarse: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.first = Up(features[2], features[2]) if coarse else nn.Identity()
        self.up1, self.up0 = Up(features[2], features[1]), Up(features[1], features[0])

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps m at 1/4, 1/8 and 1/16 of (B, C, H, W)."""
        m2 = self.first(self.encoder(image))
        m1 = self.up1(m2)
        return [self.up0(m1), m1, m2]


class Decoder(nn.Module):
    """Attention gates let finer fused maps through where the coarser one asks for them; then up to the image.

    Args:
        features: channels of the fused maps at 1/4, 1/8 and 1/16.
        classes: of the answer.
    """

    def __init__(self, features: Sequence[int], classes: int) -> None:
        super().__init__()
        from monai.networks.nets.attentionunet import AttentionBlock

        pairs = list(itertools.pairwise(features))
        self.up = nn.ModuleList(Up(coarse, fine) for fine, coarse in pairs)
        self.gates = nn.ModuleList(AttentionBlock(2, max(1, fine // 2), fine, fine) for fine, _ in pairs)
        self.join = nn.ModuleList(ConvNormRelu(2 * fine, fine) for fine, _ in pairs)
        half, quarter = max(8, features[0] // 2), max(8, features[0] // 4)
        self.head = nn.Sequential(Up(features[0], half), Up(half, quarter), nn.Conv2d(quarter, classes, 1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the logits (B, classes, H, W) of maps from fine to coarse."""
        x = maps[-1]
        for level in reversed(range(len(self.up))):
            x = self.up[level](x)
            x = self.join[level](torch.cat([x, self.gates[level](x, maps[level])], dim=1))
        return self.head(x)


class ParallelNet(nn.Module):
    """The network; its ablations are options.

    Args:
        channels: of the image.
        classes: of the answer; 1 for lesion against all else.
        size: rows and columns of the image; multiples of 16, and of what ``grids`` ask for.
        features: channels at 1/4, 1/8 and 1/16, of both branches and after fusion.
        depths: blocks of the ResNet's stages; (3, 4, 6) is ResNet-34 without its last.
        vit: ``super`` for the STViT module, ``plain`` for an ordinary vision transformer (E.1, E.2).
        stem: how much the transformer's stem shrinks the image, 2 or 4.
        widths: channels of the super token blocks; the first is the stem's.
        heads: of each.
        grids: side of a super token's cell in each; 1 is ordinary attention.
        iterations: of the association.
        reach: ``all`` or ``near``, see :class:`~mlmi2023.papers.mcnv_oct.attention.SuperTokenAttention`.
        hidden: channels of the ordinary transformer.
        hidden_heads: its heads.
        layers: its blocks.
        separable: whether fusion has the depth-wise separable convolution (E.2, E.4).
        reduction: of its squeeze and excitation.

    Raises:
        ValueError: an unknown transformer, or an image that does not fit.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 1,
        size: Sequence[int] = (256, 256),
        features: Sequence[int] = (64, 128, 256),
        depths: Sequence[int] = (3, 4, 6),
        vit: str = "super",
        stem: int = 2,
        widths: Sequence[int] = (64, 128, 320, 512),
        heads: Sequence[int] = (1, 2, 5, 8),
        grids: Sequence[int] = (8, 4, 2, 1),
        iterations: int = 1,
        reach: str = "all",
        hidden: int = 512,
        hidden_heads: int = 8,
        layers: int = 4,
        separable: bool = True,
        reduction: int = 16,
    ) -> None:
        super().__init__()
        if vit not in ("super", "plain"):
            raise ValueError(f"vit is '{vit}'; choose super or plain")
        encoder: nn.Module
        if vit == "super":
            encoder = SuperTokenViT(
                channels, features[2], size, stem, widths, heads, grids, iterations, reach
            )  # fmt: skip
        else:
            encoder = PlainViT(channels, features[2], size, stem, widths[0], hidden, hidden_heads, layers)
        self.vit = VitBranch(encoder, features, coarse=vit == "super" and stem == 4)
        self.cnn = CnnBranch(channels, features, depths)
        self.fusion = nn.ModuleList(Fusion(width, separable, reduction) for width in features)
        self.decoder = Decoder(features, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, classes, H, W) of (B, channels, H, W)."""
        pairs = zip(self.fusion, self.vit(image), self.cnn(image))
        return self.decoder([fuse(m, n) for fuse, m, n in pairs])
