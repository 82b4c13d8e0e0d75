"""Mix-FFN (SegFormer, Xie et al. 2021; MISSFormer, Huang et al. 2021): a perceptron that sees neighbours."""

import torch.nn.functional as F
from torch import Tensor, nn


class MixFFN(nn.Module):
    """Two linear layers around a 3 x 3 depthwise convolution with a skip, a norm and a GELU.

    The convolution tells tokens where they are, so that no other encoding of position is needed.

    Args:
        width: channels in and out.
        ratio: how many times more there are inside.
    """

    def __init__(self, width: int, ratio: int = 4) -> None:
        super().__init__()
        inside = ratio * width
        self.widen, self.narrow = nn.Linear(width, inside), nn.Linear(inside, width)
        self.mix = nn.Conv2d(inside, inside, 3, padding=1, groups=inside)
        self.norm = nn.LayerNorm(inside)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape, (B, H, W, width)."""
        x = self.widen(x)
        mixed = self.mix(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.narrow(F.gelu(self.norm(mixed + x)))
