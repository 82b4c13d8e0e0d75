"""Blocks of both branches (Fig. 3b and 3c): residual, modulated by channel and pixel by pixel (Sect. 2.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: length of the embeddings of k and t
EMBEDDING = 128


class ChannelMod(nn.Module):
    """``ChannelMod(h, k_s, k_b) = k_s GroupNorm(h) + k_b``: a scale and a bias for each channel.

    Args:
        channels: of h.
        embedding: length of the vector that both are an affine function of.
        groups: of the normalisation, which has no weights of its own.
    """

    def __init__(self, channels: int, embedding: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, affine=False)
        self.affine = nn.Linear(embedding, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.02)
        with torch.no_grad():  # starts as the normalisation alone
            self.affine.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """Return h (B, C, H, W) modulated by embeddings (B, E)."""
        scale, bias = self.affine(embedding)[..., None, None].chunk(2, dim=1)
        return scale * self.norm(h) + bias


class ElementMod(nn.Module):
    """``ElementMod(h, x_s, x_b) = x_s GroupNorm(h) + x_b``: a scale and a bias for each element.

    Args:
        channels: of h.
        conditions: channels of the map that both are made of, by a convolution with 1 x 1 pixels.
        groups: of the normalisation.
    """

    def __init__(self, channels: int, conditions: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, affine=False)
        self.lateral = nn.Conv2d(conditions, 2 * channels, 1)
        with torch.no_grad():
            self.lateral.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))  # type: ignore[union-attr]

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        """Return h (B, C, H, W) modulated by a map (B, D, H, W)."""
        scale, bias = self.lateral(condition).chunk(2, dim=1)
        return scale * self.norm(h) + bias


class ResidualBlock(nn.Module):
    """Twice normalisation, modulation, SiLU and a 3 x 3 convolution, and a way around both.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        embedding: length of the vector that modulates channels.
        groups: of the normalisations.
        conditions: channels of the map that modulates elements, in the place of the second modulation by
            channel (the conditional block, Fig. 3c); None: there is none (Fig. 3b).
    """

    def __init__(
        self, inputs: int, outputs: int, embedding: int, groups: int, conditions: int | None = None
    ) -> None:
        super().__init__()
        self.conditional = conditions is not None
        self.first = ChannelMod(inputs, embedding, groups)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = (
            ChannelMod(outputs, embedding, groups)
            if conditions is None
            else ElementMod(outputs, conditions, groups)
        )
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)  # starts as the way around
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]
        self.around = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, h: Tensor, embedding: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return maps (B, outputs, H, W) of h (B, inputs, H, W), embeddings (B, E) and a map (B, D, H, W)."""
        inner = self.conv1(F.silu(self.first(h, embedding)))
        inner = self.second(inner, condition if self.conditional else embedding)
        return self.around(h) + self.conv2(F.silu(inner))
