"""SAINT (Peng et al., 2020), from its description: two interpolated views, then fused slice by slice.

A network of residual dense blocks on coronal and sagittal images puts rows between the slices: each new row's
filter is generated from its place between them. A second one mends the mean of both views on axial slices.
It is learned on thin slices of which every k-th is kept, so that a slice has no thickness and no overlap.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DenseBlock(nn.Module):
    """A residual dense block: three layers that each see all before, mixed and added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(width * (i + 1), width, 3, padding=1) for i in range(3))
        self.mix = nn.Conv2d(width * 4, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, C, H, W)."""
        maps = x
        for layer in self.layers:
            maps = torch.cat([maps, F.relu(layer(maps))], dim=1)
        return x + self.mix(maps)


def _trunk(channels: int, width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1), *(DenseBlock(width) for _ in range(blocks))
    )


class Saint(nn.Module):
    """Marginal super-resolution and residual fusion.

    Args:
        factor: rows per slice, k.
        width: channels.
        blocks: residual dense blocks of each of the two parts.
    """

    #: how thin slices become the training's scan: every k-th is kept
    thins = "every"

    def __init__(self, factor: int, width: int, blocks: int) -> None:
        super().__init__()
        self.factor = factor
        self.marginal = _trunk(1, width, blocks)
        self.filters = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, width * 9))
        self.fusion = nn.Sequential(_trunk(2, width, blocks), nn.Conv2d(width, 1, 3, padding=1))
        self.width = width
        for last in (self.filters[-1], self.fusion[-1]):  # starts as interpolation
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def view(self, images: Tensor) -> Tensor:
        """Return images (N, k Z, X) of one view of (N, Z, X): row k z is slice z, others lie behind it."""
        features = self.marginal(images[:, None])
        k = self.factor
        places = torch.stack([torch.arange(k) / k, torch.full((k,), 1 / k)], dim=1).to(features)
        filters = self.filters(places).view(k, self.width, 3, 3)
        added = F.conv2d(features, filters, padding=1)  # (N, k, Z, X)
        following = torch.cat([images[:, 1:], images[:, -1:]], dim=1)
        share = places[:, 0, None, None]
        rows = images[:, None] * (1 - share) + following[:, None] * share + added
        return rows.transpose(1, 2).flatten(1, 2)

    def forward(self, stack: Tensor) -> Tensor:
        """Return the volume (k Z, Y, X) of a stack (Z, Y, X); in training, the three results one by one."""
        coronal = self.view(stack.transpose(0, 1)).transpose(0, 1)
        sagittal = self.view(stack.permute(2, 0, 1)).permute(1, 2, 0)
        # fusion is trained for what the views are, not the views for fusion
        both = torch.stack([coronal, sagittal], dim=1).detach()
        fused = both.mean(dim=1) + self.fusion(both)[:, 0]
        return torch.stack([coronal, sagittal, fused]) if self.training else fused

    def places(self, centres: Tensor, spacing: float) -> Tensor:
        """Return where the rows of the result lie, mm, given the slices' centres."""
        between = torch.arange(self.factor) / self.factor * spacing
        return (centres[:, None] + between).flatten()
