"""TVSRN, the transformer of RPLHR-CT (Yu et al., 2022), from its description.

An encoder with windowed attention reads the thick slices; a decoder gets their tokens in their places, a
learned mask token in the place of every row that is missing, and attends along the slices in coronal and
sagittal windows by turns. It is learned on thick slices that are means of k thin ones, side by side, without
overlap.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowBlock(nn.Module):
    """Attention among the tokens of a window, by MONAI, and a perceptron, both residual.

    Attention knows how far tokens lie apart: those of missing rows are alike but for their row, so that
    without it none of them could tell which column it stands for.

    Args:
        width: channels.
        heads: of the attention.
        window: sides of the window, whose product is the number of its tokens.
    """

    def __init__(self, width: int, heads: int, window: tuple[int, ...]) -> None:
        super().__init__()
        from monai.networks.nets.swin_unetr import WindowAttention

        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = WindowAttention(width, heads, window, qkv_bias=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (windows, T, C)."""
        tokens = tokens + self.attention(self.norms[0](tokens), None)
        return tokens + self.mlp(self.norms[1](tokens))  # type: ignore[no-any-return]


class Tvsrn(nn.Module):
    """The asymmetric encoder and decoder.

    Args:
        factor: rows per slice, k.
        slices: slices of a training stack; longer stacks are read in such parts.
        width: channels of a token, one per voxel.
        heads: of the attention.
        encoder: blocks.
        decoder: pairs of a coronal and a sagittal block.
        window: side of a window in plane.
    """

    #: how thin slices become the training's scan: means of k
    thins = "mean"

    def __init__(
        self, factor: int, slices: int, width: int, heads: int, encoder: int, decoder: int, window: int
    ) -> None:
        super().__init__()
        self.factor, self.slices, self.window = factor, slices, window
        self.embed = nn.Conv2d(1, width, 3, padding=1)
        self.mask = nn.Parameter(torch.zeros(width))
        self.rows = nn.Parameter(0.02 * torch.randn(factor * slices, width))
        thick, thin = (slices, window, window), (factor * slices, window)
        self.encoder = nn.ModuleList(WindowBlock(width, heads, thick) for _ in range(encoder))
        self.decoder = nn.ModuleList(WindowBlock(width, heads, thin) for _ in range(2 * decoder))
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, stack: Tensor) -> Tensor:
        """Return the volume (k Z, Y, X) of a stack (Z, Y, X) of at least ``slices``."""
        count = len(stack)
        starts = [*range(0, count - self.slices, self.slices), count - self.slices]
        rows: list[Tensor] = []
        for start in starts:
            part = self.part(stack[start : start + self.slices])
            behind = len(rows) - start * self.factor  # the last part reaches back into the one before
            rows += list(part[max(behind, 0) :])
        between = F.interpolate(stack.flatten(1).T[None], scale_factor=self.factor, mode="linear")[0].T
        return torch.stack(rows) + between.view(-1, *stack.shape[1:])

    def part(self, stack: Tensor) -> Tensor:
        """Return what is added to interpolated rows, (k Z, Y, X), of ``slices`` slices (Z, Y, X)."""
        z, height, width = stack.shape
        side = self.window
        padded = F.pad(stack[:, None], (0, -width % side, 0, -height % side), mode="replicate")
        tokens = self.embed(padded).permute(0, 2, 3, 1)  # (Z, Y, X, C)
        middle = torch.arange(z, device=stack.device) * self.factor + self.factor // 2
        tokens = tokens + self.rows[middle, None, None]
        y, x, channels = tokens.shape[1:]
        tokens = tokens.view(z, y // side, side, x // side, side, channels).permute(1, 3, 0, 2, 4, 5)
        tokens = tokens.reshape(-1, z * side * side, channels)
        for block in self.encoder:
            tokens = block(tokens)
        tokens = tokens.view(y // side, x // side, z, side, side, channels).permute(2, 0, 3, 1, 4, 5)
        tokens = tokens.reshape(z, y, x, channels)
        whole = (self.mask + self.rows)[:, None, None].expand(-1, y, x, -1).clone()
        whole[middle] = tokens
        for number, block in enumerate(self.decoder):
            # coronal: all rows and some columns at one y; sagittal: all rows and some lines at one x
            turned = whole if number % 2 == 0 else whole.transpose(1, 2)
            rows, lines, across = turned.shape[:3]
            cut = turned.reshape(rows, lines, across // side, side, channels)
            cut = cut.permute(1, 2, 0, 3, 4).reshape(-1, rows * side, channels)
            cut = block(cut).view(lines, across // side, rows, side, channels).permute(2, 0, 1, 3, 4)
            turned = cut.reshape(rows, lines, across, channels)
            whole = turned if number % 2 == 0 else turned.transpose(1, 2)
        return self.head(whole)[..., 0][:, :height, :width]

    def places(self, centres: Tensor, spacing: float) -> Tensor:
        """Return where the rows of the result lie, mm, given the slices' centres."""
        between = ((torch.arange(self.factor) + 0.5) / self.factor - 0.5) * spacing
        return (centres[:, None] + between).flatten()
