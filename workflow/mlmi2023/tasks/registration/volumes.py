"""The images and label maps of pairs: as arrays to register, and in batches on a device to train on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.tasks.registration.pairs import Pair, pairs
from mlmi2023.training.data.volume_store import VolumeStore

ROLES = ("moving", "fixed")
Two = tuple[Tensor, Tensor]


class Volumes:
    """What is registered, by rows of a packed cohort.

    Attributes:
        packed: the cohort.
        names: image of the moving and of the fixed side.
        roi: all that no label covers is 0 in images (chests, whose labels are those of the lungs).
    """

    def __init__(self, packed: Packed, moving: str, fixed: str, roi: bool = False) -> None:
        """Look for the images.

        Raises:
            InputError: an image is not there, there are no labels to make a region of, or they are too large.
        """
        self.packed, self.names, self.roi = packed, (moving, fixed), roi
        for name in self.names:
            packed.images(name)
        if roi and packed.labels is None:
            raise InputError(f"config key task.roi: cohort '{packed.name}' has no labels of a region")
        largest = torch.iinfo(torch.int16).max
        if (label := max(packed.label_names, default=0)) > largest:
            raise InputError(
                f"cohort '{packed.name}' has label {label}, registration takes up to {largest}; renumber "
                "its label maps (form aligned_scans: key read.labels_kept)"
            )
        self._stores: dict[str, VolumeStore] = {}

    def array(self, row: int, name: str) -> np.ndarray:
        """Return one image, (X, Y, Z) float32."""
        image = np.asarray(self.packed.images(name)[row], np.float32)
        if not self.roi:
            return image
        assert self.packed.labels is not None
        return image * (np.asarray(self.packed.labels[row]) > 0)

    def arrays(self, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        """Return moving and fixed image of a pair, (X, Y, Z) float32."""
        return self.array(pair.moving, self.names[0]), self.array(pair.fixed, self.names[1])

    def images(self, moving: Any, fixed: Any, device: torch.device) -> Two:
        """Return moving and fixed images of rows (B,), (B, 1, X, Y, Z) float32 on the device."""
        first, second = (self._image(rows, name, device) for rows, name in zip((moving, fixed), self.names))
        return first, second

    def maps(self, moving: Any, fixed: Any, device: torch.device) -> Two:
        """Return the label maps of rows (B,), (B, 1, X, Y, Z) int16 on the device."""
        store = self._store("labels", device)
        return store.take(moving, torch.int16), store.take(fixed, torch.int16)

    def _image(self, rows: Any, name: str, device: torch.device) -> Tensor:
        image = self._store(name, device).take(rows)
        return image * (self._store("labels", device).take(rows, torch.int16) > 0) if self.roi else image

    def _store(self, name: str, device: torch.device) -> VolumeStore:
        if name not in self._stores:
            volumes = self.packed.labels if name == "labels" else self.packed.images(name)
            assert volumes is not None
            self._stores[name] = VolumeStore(volumes, device)
        return self._stores[name]


class RowPairs(Dataset):
    """Pairs of rows, as training fetches them: the volumes are fetched by the module, on its device."""

    def __init__(self, found: Sequence[tuple[int, int]]) -> None:
        self.found = found

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: int) -> dict[str, int]:
        return dict(zip(ROLES, self.found[index]))


def learning_pairs(
    packed: Packed, task: Mapping[str, Any], train: Mapping[str, Any]
) -> tuple[RowPairs, RowPairs | None]:
    """Return training and validation pairs; None if there are none to validate.

    Args:
        packed: the cohort.
        task: see :func:`~mlmi2023.tasks.registration.pairs.pairs`.
        train: ``val_pairs`` limits those of validation.
    """
    found = {split: pairs(packed.subjects, packed.splits, task, split) for split in ("train", "val")}
    val = found["val"][: int(train.get("val_pairs", len(found["val"])))]
    return RowPairs(found["train"]), RowPairs(val) if val else None
