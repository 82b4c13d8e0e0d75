"""HiFi-Diff (Fig. 3a) and the same without HiFE: what predicts the noise in a slice between two others."""

from collections.abc import Sequence

import torch
from monai.networks.nets.diffusion_model_unet import get_timestep_embedding
from torch import Tensor, nn
from torch.nn import functional as F

from mlmi2023.papers.hifi_diff.branches import Branch
from mlmi2023.papers.hifi_diff.modulation import EMBEDDING


def _two_layers(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING))


class HiFE(nn.Module):
    """Hierarchical feature extraction, F_phi: two slices and an offset become a pyramid of maps."""

    def __init__(self, widths: Sequence[int], blocks: int, groups: int) -> None:
        super().__init__()
        self.index = _two_layers(1)
        self.branch = Branch(2, widths, blocks, EMBEDDING, groups)

    def forward(self, pair: Tensor, offset: Tensor) -> list[Tensor]:
        """Return x_cond, a map for each block, of slices (B, 2, H, W) and offsets k (B,)."""
        return self.branch(pair, self.index(offset[:, None]))  # type: ignore[no-any-return]


class HiFiDiff(nn.Module):
    """The main branch, conditioned on the pyramid of HiFE.

    Args:
        widths: channels of each level of both branches.
        blocks: residual blocks of a level.
        groups: of the normalisations.
    """

    def __init__(self, widths: Sequence[int], blocks: int, groups: int) -> None:
        super().__init__()
        self.halvings = len(widths) - 1
        self.hife = HiFE(widths, blocks, groups)
        self.time = _two_layers(EMBEDDING)
        channels = [width for _, width in Branch.places(widths, blocks)]
        self.branch = Branch(1, widths, blocks, EMBEDDING, groups, channels)
        self.head = _head(widths[0], groups)

    def conditions(self, pair: Tensor, offset: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return what is the same at every timestep, for slices (B, 2, H, W) and offsets (B,)."""
        return pair.new_zeros(len(pair), 0), self.hife(pair, offset)

    def denoise(self, noisy: Tensor, level: Tensor, conditions: tuple[Tensor, Sequence[Tensor]]) -> Tensor:
        """Return the noise that is predicted in x_t (B, 1, H, W) at timesteps t (B,)."""
        index, maps = conditions
        embedding = torch.cat([index, self.time(get_timestep_embedding(level, EMBEDDING))], dim=1)
        return self.head(self.branch(noisy, embedding, maps)[-1])  # type: ignore[no-any-return]

    def forward(self, noisy: Tensor, level: Tensor, pair: Tensor, offset: Tensor) -> Tensor:
        """Return eps_theta(x_t, t, F_phi(x^i, x^(i+1), k)) of Eq. 5."""
        return self.denoise(noisy, level, self.conditions(pair, offset))


class WithoutHiFE(HiFiDiff):
    """The ablation: the two slices themselves modulate each block; embeddings of k and t lie side by side.

    Args:
        widths: channels of each level.
        blocks: residual blocks of a level.
        groups: of the normalisations.
    """

    def __init__(self, widths: Sequence[int], blocks: int, groups: int) -> None:
        nn.Module.__init__(self)
        self.halvings = len(widths) - 1
        self.levels = [level for level, _ in Branch.places(widths, blocks)]
        self.index, self.time = _two_layers(1), _two_layers(EMBEDDING)
        self.branch = Branch(1, widths, blocks, 2 * EMBEDDING, groups, [2] * len(self.levels))
        self.head = _head(widths[0], groups)

    def conditions(self, pair: Tensor, offset: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See :meth:`HiFiDiff.conditions`; the slices are averaged down to each level."""
        sizes = [pair if level == 0 else F.avg_pool2d(pair, 2**level) for level in range(self.halvings + 1)]
        return self.index(offset[:, None]), [sizes[level] for level in self.levels]


def _head(width: int, groups: int) -> nn.Sequential:
    last = nn.Conv2d(width, 1, 3, padding=1)
    nn.init.zeros_(last.weight)  # the first guess is no noise
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return nn.Sequential(nn.GroupNorm(groups, width), nn.SiLU(), last)


MODELS = {"hifi_diff": HiFiDiff, "no_hife": WithoutHiFE}
