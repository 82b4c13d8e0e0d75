"""Attention on maps of tokens (B, H, W, D): ordinary (Eq. 1), efficient (Eq. 2), the FET block (Fig. 2a)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.swin import init_transformer
from mlmi2023.nets.blocks.wavelet import Wavelet2d
from mlmi2023.papers.fine_grained_wavelet.boundary import BoundaryAttention


def efficient(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return Eq. 2, (B, N, D): ``softmax(Q) (softmax(K)^T V)``, linear in the number of tokens.

    Each key channel is a weighting of all positions, whose weighted sums of the values are a global context;
    each position mixes the contexts by its query. ``rho_q`` runs over channels, ``rho_k`` over positions
    (Shen et al. 2021).

    Args:
        query: (B, N, D).
        key: (B, M, D); M may differ from N.
        value: (B, M, D).
    """
    context = key.softmax(dim=1).transpose(1, 2) @ value
    return query.softmax(dim=2) @ context


def spatial(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Return Eq. 1 before its last projection, (B, N, D), with ``heads`` parts of the channels.

    Args:
        query: (B, N, D).
        key: (B, M, D).
        value: (B, M, D).
        heads: must divide D.
    """
    # mixed precision leaves queries from outside in float32
    query = query.to(value.dtype)
    parts = (t.unflatten(2, (heads, -1)).transpose(1, 2) for t in (query, key, value))
    return F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)


def start_attention(module: nn.Module) -> None:
    """Initialise linear layers as vision Transformers do and convolutions after He; for ``Module.apply``."""
    init_transformer(module)
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class _Queried(nn.Module):
    """What all kinds share: a query of their own, unless one comes from outside (MSCE's global query)."""

    def __init__(self, width: int, heads: int, own_query: bool) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} channels do not divide into {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, width) if own_query else None

    def _query(self, x: Tensor, query: Tensor | None) -> Tensor:
        """Return (B, N, D) of maps (B, H, W, D)."""
        if (self.query is None) != (query is not None):
            raise ValueError("attention with a query of its own takes none, attention without takes one")
        given = query if self.query is None else self.query(x)
        assert given is not None
        return given.flatten(1, 2)


class StandardAttention(_Queried):
    """Ordinary multi-head attention of every token to every other (Eq. 1)."""

    def __init__(self, width: int, heads: int, own_query: bool = True) -> None:
        super().__init__(width, heads, own_query)
        self.key_value = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)
        self.apply(start_attention)

    def forward(self, x: Tensor, query: Tensor | None = None) -> Tensor:
        """Return (B, H, W, D); so has ``query``, if there is one."""
        key, value = self.key_value(x.flatten(1, 2)).chunk(2, dim=-1)
        answer = spatial(self._query(x, query), key, value, self.heads)
        return self.project(answer).view_as(x)


class EfficientAttention(_Queried):
    """Efficient attention (Eq. 2), one head; it starts from PyTorch's defaults."""

    def __init__(self, width: int, heads: int = 1, own_query: bool = True) -> None:
        super().__init__(width, heads, own_query)
        self.key_value = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor, query: Tensor | None = None) -> Tensor:
        """Return (B, H, W, D)."""
        key, value = self.key_value(x.flatten(1, 2)).chunk(2, dim=-1)
        return self.project(efficient(self._query(x, query), key, value)).view_as(x)


class FrequencyAttention(_Queried):
    """The FET block (Sect. 2.2, Fig. 2a): spatial, channel and boundary attention on wavelet sub-bands.

    Keys and values have half the resolution along both axes, so that the spatial attention costs a quarter.

    Args:
        width: channels D, divisible by 4.
        heads: of the spatial attention.
        own_query: False for a query from outside.
        wavelet: its name; the paper's is Haar in the release.
        levels: of the Laplacian pyramid, 1 to 3.
    """

    def __init__(
        self, width: int, heads: int, own_query: bool = True, wavelet: str = "haar", levels: int = 3
    ) -> None:
        super().__init__(width, heads, own_query)
        inner = width // 4
        self.reduce = nn.Sequential(nn.Conv2d(width, inner, 1), nn.BatchNorm2d(inner), nn.ReLU(inplace=True))
        self.wavelet = Wavelet2d(wavelet)
        self.filter = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.key_value = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width))
        self.boundary = BoundaryAttention(inner, width, levels)
        self.project = nn.Linear(2 * width, width)
        self.apply(start_attention)

    def forward(self, x: Tensor, query: Tensor | None = None) -> Tensor:
        """Return (B, H, W, D) of maps with even H and W."""
        bands = self.wavelet(self.reduce(x.permute(0, 3, 1, 2)))
        # band by band: [LL of all channels, LH of all channels, ...]
        joint = self.filter(bands.transpose(1, 2).flatten(1, 2))
        key, value = self.key_value(joint.flatten(2).transpose(1, 2)).chunk(2, dim=-1)
        own = self._query(x, query)
        # softmax blurs; what the boundary attention marks is added to the values before it
        sharp = value + self.boundary(bands[:, :, 1:]).flatten(1, 2)
        answer = torch.cat([spatial(own, key, sharp, self.heads), efficient(own, key, value)], dim=-1)
        return self.project(answer).view_as(x)
