"""The images that methods see: those of the cohort, or what of them lies in a region of interest (lungs)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.training.data.volume_store import VolumeStore


class Images:
    """Images of a cohort by row; ``task.image`` names them.

    With ``task.roi`` all that no label covers becomes 0 (chests, whose labels are those of an automatic
    segmentation of the lobes in the paper).
    """

    def __init__(self, packed: Packed, task: Mapping[str, Any]) -> None:
        """Open the arrays.

        Raises:
            InputError: the image is not there, or there are no labels to make a region of.
        """
        self.volumes = packed.images(task["image"])
        self.region = packed.labels if task.get("roi") else None
        if task.get("roi") and self.region is None:
            raise InputError(f"config key task.roi: cohort '{packed.name}' has no labels of a region")
        self._stores: dict[str, VolumeStore] = {}

    def array(self, row: int) -> np.ndarray:
        """Return one image, (X, Y, Z) float32."""
        image = np.asarray(self.volumes[row], np.float32)
        return image if self.region is None else image * (np.asarray(self.region[row]) > 0)

    def take(self, rows: Tensor, device: torch.device) -> Tensor:
        """Return the images of rows (B,) on the device, (B, 1, X, Y, Z) float32."""
        if not self._stores:
            self._stores["image"] = VolumeStore(self.volumes, device)
            if self.region is not None:
                self._stores["region"] = VolumeStore(self.region, device)
        image = self._stores["image"].take(rows)
        if self.region is None:
            return image
        return image * (self._stores["region"].take(rows, torch.int16) > 0)
