"""Relational self-attention over volumes (Sect. 3.1): kernels and contexts depend on what is around a voxel.

Around each voxel n lies a window of M neighbours. With query q, keys K (M, dk) and values V (M, dv) of the
window, all of unit length over channels, Eqs. 1 to 3 are

    kernel     kV = q W                     kR = vec(1 q^T * K) H           (* is the Hadamard product)
    context    XV = V                       XR = V V^T G
    output     y = (kV + kR) (XV + XR)

H would have M dk x M entries. It is factored as H = H1 H2 over dd latent channels, and so is W = W1 H2. Then

    latent     l = q W1 + sum_d q_d (H1 conv K)_d      H1: dk groups of 1 -> dd window-sized filters
    z = (kV + kR) V = sum_j l_j (H2 conv V)_j          H2: 1 -> dd filters, shared by all value channels
    y = z + z (G conv V)                               G: 1 -> dv filters, shared by all value channels

which is the same as the equations, and never holds a window: convolutions do the sums over neighbours.
Queries have several heads; keys and values are shared by them. ``tests/test_relational_unet_rsa.py``
compares this with the equations written out voxel by voxel.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mlmi2023.core.errors import InputError

PARTS = ("V", "R", "VR")


class RSA(nn.Module):
    """Relational self-attention, (B, C, T, H, W) -> the same; T is the depth of the volume.

    Args:
        channels: C; a multiple of ``heads``.
        window: neighbours along T, H, W; odd numbers.
        heads: nh; values have dv = C / nh channels, as have keys and latents.
        kernel: ``V`` the basic kernel, ``R`` the relational one, ``VR`` their sum.
        context: the same of contexts.
        budget: latent numbers that are held at once, in millions; a larger volume is worked on in slabs
            along T, which are computed again in the backward pass. The result does not depend on it. 0: all
            at once.

    Raises:
        InputError: channels and heads do not fit, the window is even, an unknown kernel or context.
    """

    def __init__(
        self,
        channels: int,
        window: Sequence[int] = (5, 7, 7),
        heads: int = 8,
        kernel: str = "VR",
        context: str = "VR",
        budget: float = 0.0,
    ) -> None:
        super().__init__()
        if channels % heads:
            raise InputError(f"rsa: {channels} channels do not divide by {heads} heads; change net.heads")
        if len(window) != 3 or any(side % 2 == 0 for side in window):
            raise InputError(
                f"rsa: net.window is {list(window)}; give three odd numbers: depth, rows, columns"
            )
        if kernel not in PARTS or context not in PARTS:
            raise InputError(
                f"rsa: kernel {kernel!r} and context {context!r} are to be one of {', '.join(PARTS)}"
            )
        self.heads, self.window = heads, tuple(window)
        self.kernel, self.context, self.budget = kernel, context, budget
        size = channels // heads
        self.size = size
        self.queries = nn.Conv3d(channels, heads * size, 1, bias=False)
        self.keys = nn.Conv3d(channels, size, 1, bias=False)
        self.values = nn.Conv3d(channels, size, 1, bias=False)
        count = int(torch.tensor(self.window).prod())
        # the basic kernel starts as small as the paper's code has it; the filters as convolutions do
        self.w1 = nn.Parameter(torch.randn(size, size) * (count * size) ** -0.5) if "V" in kernel else None
        self.h1 = self._filters(size * size) if "R" in kernel else None
        self.h2 = self._filters(size)
        self.g = self._filters(size) if "R" in context else None

    def _filters(self, outputs: int) -> nn.Parameter:
        """Return filters (outputs, 1, T, H, W) that start as those of a convolution."""
        filters = nn.Parameter(torch.empty(outputs, 1, *self.window))
        nn.init.kaiming_uniform_(filters, a=5**0.5)
        return filters

    def forward(self, x: Tensor) -> Tensor:
        """Return y of Eq. 3 for all voxels."""
        heads, size = self.heads, self.size
        q = F.normalize(self.queries(x).unflatten(1, (heads, size)), dim=2)
        k, v = F.normalize(self.keys(x), dim=1), F.normalize(self.values(x), dim=1)
        halo = [side // 2 for side in self.window]
        pads = [halo[2], halo[2], halo[1], halo[1], halo[0], halo[0]]
        k, v = F.pad(k, pads), F.pad(v, pads)
        depth = x.shape[2]
        rows = self._rows(x)
        if rows >= depth:
            return self._slab(q, k, v)
        found = []
        for start in range(0, depth, rows):
            stop = min(start + rows, depth)
            near = slice(start, stop + 2 * halo[0])
            part = (q[:, :, :, start:stop], k[:, :, near], v[:, :, near])
            if torch.is_grad_enabled():
                found.append(checkpoint(self._slab, *part, use_reentrant=False))
            else:
                found.append(self._slab(*part))
        return torch.cat(found, dim=2)

    def _rows(self, x: Tensor) -> int:
        """Return how many rows along T a slab may have."""
        if not self.budget:
            return x.shape[2]
        row = x.shape[0] * x.shape[3] * x.shape[4] * (3 * self.size**2 + 2 * x.shape[1])
        return max(1, int(self.budget * 1e6 / row))

    def _slab(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return y for q (B, nh, dk, T, H, W) from keys and values (B, d, T + 2t, H + 2h, W + 2w)."""
        size = self.size
        latent: Tensor | None = None
        if self.w1 is not None:
            latent = torch.einsum("bndthw,dj->bnjthw", q, self.w1)
        if self.h1 is not None:
            around = F.conv3d(k, self.h1, groups=size).unflatten(1, (size, size))
            relational = torch.einsum("bndthw,bdjthw->bnjthw", q, around)
            latent = relational if latent is None else latent + relational
        assert latent is not None  # the constructor lets no kernel be empty
        single = v.flatten(0, 1)[:, None]  # every value channel as an image of its own
        shape = (v.shape[0], size)
        mixed = F.conv3d(single, self.h2).unflatten(0, shape)  # (B, dv, dd, T, H, W)
        z = torch.einsum("bnjthw,bcjthw->bncthw", latent, mixed)
        if self.g is None:
            return z.flatten(1, 2)
        correlation = F.conv3d(single, self.g).unflatten(0, shape)
        own = torch.einsum("bncthw,bcethw->bnethw", z, correlation)
        y = z + own if "V" in self.context else own
        return y.flatten(1, 2)
