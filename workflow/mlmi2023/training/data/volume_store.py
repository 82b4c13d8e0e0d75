"""Volumes close to the device that trains on them."""

from collections.abc import Sequence

import numpy as np
import torch


class VolumeStore:
    """Serves batches of volumes from a memory map, kept on the device when they fit.

    Args:
        volumes: (N, X, Y, Z) array, usually a memory map of float16 images or integer labels.
        device: where batches are wanted.
        share: largest share of the device's free memory that the whole array may take.
    """

    def __init__(self, volumes: np.ndarray, device: torch.device, share: float = 0.4) -> None:
        self.volumes = volumes
        self.device = device
        self.resident: torch.Tensor | None = None
        if device.type == "cuda" and volumes.nbytes < share * torch.cuda.mem_get_info(device)[0]:
            self.resident = torch.from_numpy(np.ascontiguousarray(volumes)).to(device)

    def take(self, indices: Sequence[int] | torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Return the volumes at ``indices`` as (B, 1, X, Y, Z) on the device."""
        index = torch.as_tensor(indices, dtype=torch.long)
        if self.resident is not None:
            return self.resident[index.to(self.device)].unsqueeze(1).to(dtype)
        batch = torch.from_numpy(np.stack([self.volumes[i] for i in index.tolist()]))
        if self.device.type == "cuda":
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        return batch.unsqueeze(1).to(dtype)
