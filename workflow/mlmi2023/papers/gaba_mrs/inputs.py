"""From transients to what a network sees (Sect. 2.2): normalised spectra, parts as channels."""

import torch
from torch import Tensor

#: ppm of NAA's peak
NAA = (1.85, 2.15)


def scale(off: Tensor, naa: Tensor) -> Tensor:
    """Return what the transients of each scan are divided by, (B,): the mean height of NAA in OFF.

    Args:
        off: (B, K, P) complex spectra.
        naa: (P,) bool, where its peak is.
    """
    return off.real[..., naa].amax(-1).mean(-1)


def network_input(on: Tensor, off: Tensor, form: str) -> Tensor:
    """Return the input (B, C, P, K) of normalised spectra (B, K, P) complex.

    Args:
        on: edited.
        off: not edited, in pairs with ``on``.
        form: ``sub``: ON and OFF side by side, C = 4; ``diff``: their difference, C = 2.
    """
    parts = (on, off) if form == "sub" else (on - off,)
    planes = [plane for part in parts for plane in (part.real, part.imag)]
    return torch.stack(planes, 1).transpose(2, 3)
