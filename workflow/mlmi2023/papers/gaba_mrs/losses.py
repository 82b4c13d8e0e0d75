"""The loss: mean absolute errors of the whole spectrum and of its two peaks (Sect. 2.3)."""

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.physics.spectra import between

#: weight and ppm of each part; the first is the whole spectrum
PARTS = ((1.0, None), (3.0, (3.55, 3.95)), (6.0, (2.8, 3.2)))


class RegionLoss(nn.Module):
    """(MAE of all + 3 MAE of Glx + 6 MAE of GABA) / 10.

    Args:
        ppm: (P,) axis of the spectra.
    """

    def __init__(self, ppm: np.ndarray) -> None:
        super().__init__()
        weights = np.zeros(len(ppm))
        for weight, region in PARTS:
            seen = np.ones(len(ppm), bool) if region is None else between(ppm, *region)
            weights += weight * seen / seen.sum()
        self.register_buffer(
            "weights", torch.from_numpy(weights / sum(w for w, _ in PARTS)).float(), persistent=False
        )

    def forward(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Return the loss of each spectrum, (B,), of spectra (B, P)."""
        return (found - wanted).abs() @ self.get_buffer("weights")
