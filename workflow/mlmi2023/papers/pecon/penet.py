"""PENet, the image encoder (Sect. 3.2; Huang et al. 2020): a 3D residual network with squeeze and excitation.

At the paper's size: a 7 x 7 x 7 convolution to 64 channels, four encoder stages of 3, 4, 6 and 3 bottlenecks
of width 128 to 1024 with grouped 3 x 3 x 3 convolutions, and 2048 features per sub-volume of 24 slices.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError

EXPANSION = 2
OPTIONS = ("in_channels", "stem", "widths", "blocks", "cardinality", "reduction", "drop_path", "groups")


def _norm(channels: int, size: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // size), channels)


class Gate(nn.Module):
    """Squeeze and excitation: each channel is scaled by what all channels hold on average."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        narrow = max(1, channels // reduction)
        self.layers = nn.Sequential(
            nn.Linear(channels, narrow), nn.LeakyReLU(), nn.Linear(narrow, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, D, H, W) scaled."""
        return x * self.layers(x.mean(dim=(2, 3, 4)))[:, :, None, None, None]


class Bottleneck(nn.Module):
    """1 x 1 x 1, grouped 3 x 3 x 3, 1 x 1 x 1, gated, with a skip connection.

    Args:
        before: channels that come in.
        width: channels of the grouped convolution; ``EXPANSION`` times that go out.
        stride: of the grouped convolution and the skip.
        keep: probability that the branch is kept in training (stochastic depth).
        options: ``cardinality``, ``reduction``, ``groups`` (channels per group of a norm).
    """

    def __init__(self, before: int, width: int, stride: int, keep: float, options: Mapping[str, int]) -> None:
        super().__init__()
        after, size = width * EXPANSION, options["groups"]
        self.keep = keep
        self.reduce = nn.Sequential(
            nn.Conv3d(before, width, 1, bias=False), _norm(width, size), nn.LeakyReLU()
        )
        spatial = nn.Conv3d(width, width, 3, stride, 1, groups=options["cardinality"], bias=False)
        self.spatial = nn.Sequential(spatial, _norm(width, size), nn.LeakyReLU())
        self.expand = nn.Sequential(nn.Conv3d(width, after, 1, bias=False), _norm(after, size))
        self.gate = Gate(after, options["reduction"])
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.skip = nn.Sequential(nn.Conv3d(before, after, 1, stride, bias=False), _norm(after, size))
        self.last = nn.LeakyReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C', D', H', W')."""
        skip = self.skip(x)
        if self.training and self.keep < 1 and torch.rand(()).item() > self.keep:
            return skip
        return self.last(self.gate(self.expand(self.spatial(self.reduce(x)))) + skip)


class PENet(nn.Module):
    """The encoder and its own classifier of sub-volumes.

    Args:
        in_channels: 3 for weights that saw colour videos (the one channel is repeated), else 1.
        stem: channels of the first convolution.
        widths: of the stages' bottlenecks; the features are ``EXPANSION`` times the last.
        blocks: bottlenecks per stage.
        cardinality: groups of the 3 x 3 x 3 convolutions.
        reduction: of squeeze and excitation.
        drop_path: probability that the last bottleneck is skipped; rises linearly from 0.
        groups: channels per group of the normalisation.
    """

    def __init__(
        self,
        in_channels: int = 1,
        stem: int = 64,
        widths: Sequence[int] = (128, 256, 512, 1024),
        blocks: Sequence[int] = (3, 4, 6, 3),
        cardinality: int = 32,
        reduction: int = 16,
        drop_path: float = 0.0,
        groups: int = 16,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks):
            raise InputError(
                f"net.widths has {len(widths)} stages and net.blocks {len(blocks)}; make them equal"
            )
        if any(width % cardinality for width in widths):
            raise InputError(
                f"net.widths: {list(widths)} must be multiples of net.cardinality ({cardinality})"
            )
        self.in_channels = in_channels
        #: what is taken from intensities of 0 to 1, of weights that want it so; None: -1 to 1
        self.centre: float | None = None
        self.stem = nn.Sequential(
            nn.Conv3d(in_channels, stem, 7, (1, 2, 2), 3, bias=False), _norm(stem, groups), nn.LeakyReLU()
        )
        self.pool = nn.MaxPool3d(3, 2, 1)
        sizes = {"cardinality": cardinality, "reduction": reduction, "groups": groups}
        stages, before, place, total = [], stem, 0, sum(blocks)
        for number, (width, count) in enumerate(zip(widths, blocks)):
            stage = []
            for block in range(count):
                stride = 2 if number and block == 0 else 1
                stage.append(Bottleneck(before, width, stride, 1 - drop_path * place / total, sizes))
                before, place = width * EXPANSION, place + 1
            stages.append(nn.Sequential(*stage))
        self.stages = nn.ModuleList(stages)
        self.features = before
        self.head = nn.Linear(before, 1)

    def maps(self, x: Tensor, stages: int | None = None) -> Tensor:
        """Return the maps (B, C, D', H', W') after some stages (None: all) of sub-volumes (B, 1, D, H, W).

        Sub-volumes go from -1 to 1, whatever :attr:`centre` makes of them.
        """
        if self.centre is not None:
            x = (x + 1) / 2 - self.centre
        x = self.pool(self.stem(x.expand(-1, self.in_channels, -1, -1, -1)))
        for stage in list(self.stages)[:stages]:
            x = stage(x)
        return x

    def pooled(self, maps: Tensor, stages: int | None = None) -> Tensor:
        """Return the features (B, features) that the stages after the first ``stages`` make of their maps."""
        for stage in [] if stages is None else list(self.stages)[stages:]:
            maps = stage(maps)
        return maps.mean(dim=(2, 3, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features (B, features) and the logit (B,) of an embolism in sub-volumes in [-1, 1]."""
        features = self.pooled(self.maps(x))
        return features, self.head(features)[:, 0]


def build_penet(options: Mapping[str, Any]) -> PENet:
    """Return the network that the key ``net`` of a method's options describes.

    Raises:
        InputError: an unknown key, or sizes that do not belong together.
    """
    net = dict(options.get("net", {}))
    if unknown := [key for key in net if key not in OPTIONS]:
        raise InputError(f"config key net.{unknown[0]} is unknown; known: {', '.join(OPTIONS)}")
    return PENet(**net)
