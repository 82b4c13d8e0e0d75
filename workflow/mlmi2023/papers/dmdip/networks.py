"""The skip network of deep image prior, and the dual-modal one built from it (Sect. 2.1, Fig. 1)."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.papers.dmdip.banked import Conv, Norm

SLOPE = 0.2  # of LeakyReLU


class Step(nn.Module):
    """Convolution, batch normalisation, LeakyReLU."""

    def __init__(self, count: int, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = Conv(count, inputs, outputs, kernel, stride)
        self.norm = Norm(count, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        return F.leaky_relu(self.norm(self.conv(x)), SLOPE, inplace=True)


def enlarged(x: Tensor) -> Tensor:
    """Return ``x`` with twice the rows and columns, bilinear: (N, C, H, W) -> (N, C, 2 H, 2 W).

    By the operator itself: where deterministic kernels are asked for, ``interpolate`` turns to one on a GPU
    whose backward sorts all pixels, many times slower than the convolutions.
    """
    return torch.ops.aten.upsample_bilinear2d(x, [2 * n for n in x.shape[2:]], False)


class Block(nn.Module):
    """One level: down, the levels ``below``, up, beside a thin skip connection (a block of Fig. 1b)."""

    def __init__(self, count: int, inputs: int, width: int, skip: int, below: "Block | None") -> None:
        super().__init__()
        self.skip = Step(count, inputs, skip, 1)
        self.down = nn.Sequential(Step(count, inputs, width, 3, 2), Step(count, width, width, 3))
        self.below = below or nn.Identity()
        self.joined = Norm(count, skip + width)
        self.up = nn.Sequential(Step(count, skip + width, width, 3), Step(count, width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, width, H, W); H and W even."""
        deep = enlarged(self.below(self.down(x)))
        return self.up(self.joined(torch.cat([self.skip(x), deep], 1)))


class SkipNet(nn.Module):
    """Levels of :class:`Block`, and with ``outputs`` a last convolution and a sigmoid.

    Args:
        count: number of networks N.
        inputs: channels.
        levels: number of blocks; H and W must be multiples of 2^levels.
        width: channels of every block.
        skip: channels of the skip connections.
        outputs: channels of the image; 0: feature maps of ``width`` channels.
    """

    def __init__(self, count: int, inputs: int, levels: int, width: int, skip: int, outputs: int = 0) -> None:
        super().__init__()
        block = None
        for level in reversed(range(levels)):
            block = Block(count, inputs if level == 0 else width, width, skip, block)
        self.levels: nn.Module = block or nn.Identity()
        self.last = Conv(count, width, outputs) if outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W) in (0, 1), or features (N, width, H, W)."""
        features = self.levels(x)
        return features if self.last is None else torch.sigmoid(self.last(features))


class DualNet(nn.Module):
    """A trunk and a head per modality, f_2(f_1(z)) and f_3(f_1(z)) of Eq. 2."""

    def __init__(self, trunk: SkipNet, heads: list[SkipNet]) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, nn.ModuleList(heads)

    def forward(self, z: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, modalities, H, W) in (0, 1)."""
        shared = self.trunk(z)
        return torch.cat([head(shared) for head in self.heads], 1)


def build_bank(options: Mapping[str, Any], count: int, outputs: int, shape: tuple[int, int]) -> nn.Module:
    """Return ``count`` networks side by side; their weights are drawn by :func:`.banked.reset`.

    Args:
        options: the method's ``net``: ``inputs`` (channels of noise), ``levels``, ``width``, ``skip`` and,
            for a network with a trunk, ``trunk`` (its number of levels); ``grouped``: see
            :class:`.banked.Conv`.
        count: networks.
        outputs: modalities that one network makes.
        shape: (H, W) of the images.

    Raises:
        InputError: the shape cannot be halved so often, or several outputs have no trunk.
    """
    inputs, levels, width, skip = (int(options[key]) for key in ("inputs", "levels", "width", "skip"))
    trunk = int(options.get("trunk", 0))
    # the lowest level's border is reflected, which takes two pixels
    least = 2 ** max(levels, trunk)
    if any(n % least or n < 2 * least for n in shape):
        raise InputError(
            f"images of {shape[0]} x {shape[1]} cannot be halved {max(levels, trunk)} times down to two "
            "pixels; lower net.levels or change the cohort's preprocess.grid.shape"
        )
    if outputs > 1 and not trunk:
        raise InputError("config key net.trunk: several modalities together need a trunk; set its levels")
    bank: nn.Module
    if trunk:
        heads = [SkipNet(count, width, levels, width, skip, 1) for _ in range(outputs)]
        bank = DualNet(SkipNet(count, inputs, trunk, width, skip), heads)
    else:
        bank = SkipNet(count, inputs, levels, width, skip, outputs)
    for layer in bank.modules():
        if isinstance(layer, Conv):
            layer.grouped = bool(options.get("grouped", True))
    return bank
