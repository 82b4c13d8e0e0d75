"""PALM, the prompt attention learning module (Sect. 2.2, Fig. 2). Tokens are maps (B, H, W, C)."""

import torch
from torch import Tensor, nn

from mlmi2023.nets.blocks.swin import PatchEmbed
from mlmi2023.papers.pe_med.attention import CrossAttention


class GlobalPrompt(nn.Module):
    """Tokens of both maps of clicks and of the previous mask: M_global.

    Args:
        width: channels of a token, a square of four pixels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = PatchEmbed(3, width)

    def forward(self, disks: Tensor, previous: Tensor) -> Tensor:
        """Return tokens of disks (B, 2, H, W) and a mask (B, 1, H, W)."""
        return self.embed(torch.cat([disks, previous], 1))


class PalmI(nn.Module):
    """PALM-I: what positive and negative clicks, and all prompts together, say of each other (Eqs. 1, 2).

    As printed, a token's answer depends on its place by the query alone. At the first click with a blank mask
    all queries of M_neg are alike, and so are all keys: E_p is the same everywhere, and where the click was
    is lost. A Transformer's skip around each attention keeps it.

    Args:
        width: channels of a token.
        reduction: of :class:`~.attention.CrossAttention`.
        skip: what asks is added to its answer; False: as printed.
    """

    def __init__(self, width: int, reduction: int, skip: bool) -> None:
        super().__init__()
        self.skip = skip
        self.pos, self.neg = PatchEmbed(2, width), PatchEmbed(2, width)
        self.whole = GlobalPrompt(width)
        names = ("to_pos", "to_neg", "to_self", "from_pos", "from_neg")
        self.ask = nn.ModuleDict({name: CrossAttention(width, reduction) for name in names})

    def forward(self, disks: Tensor, previous: Tensor) -> Tensor:
        """Return the prompt feature E_p of disks (B, 2, H, W) and a mask (B, 1, H, W)."""
        m_pos = self.pos(torch.cat([disks[:, :1], previous], 1))
        m_neg = self.neg(torch.cat([disks[:, 1:], previous], 1))
        m_global = self.whole(disks, previous)
        pos, neg = self._asked("to_pos", m_neg, m_pos), self._asked("to_neg", m_pos, m_neg)
        whole = self._asked("to_self", m_global, m_global)
        return self._asked("from_pos", pos, whole) + self._asked("from_neg", neg, whole)

    def _asked(self, name: str, asking: Tensor, asked: Tensor) -> Tensor:
        answer = self.ask[name](asking, asked)
        return asking + answer if self.skip else answer


class PalmO(nn.Module):
    """PALM-O: prompts and image ask each other (Eq. 3).

    Args:
        width: channels of a token.
        reduction: of :class:`~.attention.CrossAttention`.
    """

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.image, self.prompt = CrossAttention(width, reduction), CrossAttention(width, reduction)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, image: Tensor, prompt: Tensor) -> Tensor:
        """Return the mixture of image features F_I and prompt features E_p."""
        asked = self.norms[0](self.image(image, prompt))
        return image + asked + prompt + self.norms[1](self.prompt(prompt, image))
