"""Layers of many small networks side by side: N networks of one shape, each with weights and statistics of
its own.

Activations are (N, C, H, W), one image per network. A convolution is one grouped convolution over all
networks, or one for each where that is faster, and a normalisation looks at one image of one network. Nothing
passes from one network to another: the gradient of a sum of losses is, for each, that of its own loss.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    """A convolution per network, odd kernel, the border reflected.

    Args:
        count: number of networks N.
        inputs: channels.
        outputs: channels.
        kernel: edge of the kernel in pixels.
        stride: pixels.

    Attributes:
        grouped: one call for all networks, or one for each; the same result.
    """

    grouped = True

    def __init__(self, count: int, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.pad = stride, kernel // 2
        self.weight = nn.Parameter(torch.empty(count, outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(count, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        count, outputs, inputs, *_ = self.weight.shape
        if self.pad:
            x = F.pad(x, [self.pad] * 4, mode="reflect")
        if not self.grouped:
            each = zip(x.split(1), self.weight, self.bias, strict=True)
            return torch.cat([F.conv2d(image, w, b, stride=self.stride) for image, w, b in each])
        made = F.conv2d(
            x.reshape(1, count * inputs, *x.shape[2:]),
            self.weight.flatten(0, 1),
            self.bias.flatten(),
            stride=self.stride,
            groups=count,
        )
        return made.view(count, outputs, *made.shape[2:])

    @torch.no_grad()
    def reset(self, place: int, random: torch.Generator) -> None:
        """Draw the weights of one network as torch does for a convolution: evenly, by 1 / sqrt(fan in)."""
        bound = 1 / math.sqrt(self.weight[place, 0].numel())
        for values in (self.weight[place], self.bias[place]):
            values.copy_((torch.rand(values.shape, generator=random) * 2 - 1) * bound)


class Norm(nn.Module):
    """Batch normalisation per network; with one image each, mean and variance are those of the image."""

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(count, channels))
        self.bias = nn.Parameter(torch.zeros(count, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        count, channels = self.weight.shape
        flat = x.reshape(1, count * channels, *x.shape[2:])
        made = F.batch_norm(flat, None, None, self.weight.flatten(), self.bias.flatten(), training=True)
        return made.view_as(x)

    @torch.no_grad()
    def reset(self, place: int, random: torch.Generator) -> None:
        """Start as the identity."""
        self.weight[place] = 1
        self.bias[place] = 0


def reset(bank: nn.Module, place: int, random: torch.Generator) -> None:
    """Give network ``place`` of a bank fresh weights, drawn from ``random`` (on CPU) layer by layer."""
    for layer in bank.modules():
        if isinstance(layer, Conv | Norm):
            layer.reset(place, random)
