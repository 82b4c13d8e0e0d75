"""3DDOSPyResidualUSENet (Sect. 3.2, Fig. 2): an encoder for each image, one decoder, four outputs."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.prostate_mpmri.blocks import CascadedPyramid, ResidualSE, UpSE


class Encoder(nn.Module):
    """One image's features at each level: residual blocks with scSE, halved by pooling in between.

    Args:
        features: channels of each level.
        reduction: of squeeze and excitation.
        attention: ``scse`` or ``none``.
    """

    def __init__(self, features: Sequence[int], reduction: int, attention: str) -> None:
        super().__init__()
        widths = zip((1, *features), features)
        self.levels = nn.ModuleList(ResidualSE(i, o, reduction, attention) for i, o in widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return features (B, C_l, *size / 2^l) of an image (B, 1, *size), the finest first."""
        found: list[Tensor] = []
        for level in self.levels:
            x = level(F.max_pool3d(x, 2) if found else x)
            found.append(x)
        return found


class DospyResidualUsenet(nn.Module):
    """(B, images, *size) -> logits (B, classes, *size); while it trains those of all levels, finest first.

    The decoder has the same channels whatever the number of encoders; their features are concatenated.

    Args:
        channels: images, each of which gets an encoder.
        classes: of the answer.
        size: must divide by 2 for each level but the first.
        features: channels of each level; four levels of the paper's 96^3 are 96, 48, 24 and 12 voxels wide.
        reduction: of squeeze and excitation.
        attention: ``scse`` or ``none``.
        bins: of the pyramid on the coarsest level; empty: no pyramid.
        deep: whether coarser levels answer too.

    Raises:
        ValueError: the size does not divide.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        features: Sequence[int] = (16, 32, 64, 128),
        reduction: int = 8,
        attention: str = "scse",
        bins: Sequence[int] = (6, 3, 2, 1),
        deep: bool = True,
    ) -> None:
        super().__init__()
        step = 2 ** (len(features) - 1)
        if any(side % step for side in size):
            raise ValueError(
                f"{' x '.join(map(str, size))} voxels; {len(features)} levels need multiples of {step}"
            )
        self.deep, kind = deep, (reduction, attention)
        self.encoders = nn.ModuleList(Encoder(features, *kind) for _ in range(channels))
        last = features[-1]
        self.fuse = ResidualSE(channels * last, last, *kind)
        self.pyramid: nn.Module = CascadedPyramid(last, bins) if bins else nn.Identity()
        upward = list(zip(features[:0:-1], features[-2::-1]))
        self.up = nn.ModuleList(UpSE(i, o, *kind) for i, o in upward)
        self.decode = nn.ModuleList(ResidualSE((1 + channels) * o, o, *kind) for _, o in upward)
        self.heads = nn.ModuleList(
            nn.Conv3d(o, classes, 1) for o in (features[::-1] if deep else features[:1])
        )

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        """Return logits; see the class."""
        seen = [encode(part) for encode, part in zip(self.encoders, images.split(1, dim=1))]
        levels = [torch.cat(own, 1) for own in zip(*seen)]
        maps = [self.pyramid(self.fuse(levels[-1]))]
        for up, decode, skip in zip(self.up, self.decode, levels[-2::-1]):
            maps.append(decode(torch.cat([up(maps[-1]), skip], 1)))
        if not self.deep or not self.training:
            return self.heads[-1](maps[-1])
        return [head(own) for head, own in zip(self.heads, maps)][::-1]
