"""A cohort on one grid, packed for training and scoring: memory-mapped arrays and one small JSON file.

A packed folder holds ``<modality>.npy`` (N, X, Y, Z) float16 in [0, 1] for each modality, ``labels.npy``
(N, X, Y, Z) and ``landmarks.npy`` (N, K, 3) float32 voxel coordinates if the cohort has them, and
``cohort.json``. Opening one costs nothing; pages come from disk when they are used and are shared by workers.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError


class Packed:
    """A packed cohort.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: subject of each row.
        splits: split of each row.
        modalities: names of the image arrays.
        shape: (X, Y, Z) of the grid, RAS+ order.
        spacing: mm per voxel along X, Y, Z.
        affine: 4x4, voxel to RAS mm.
        label_names: structure name of each label value that occurs, without the background.
        landmark_names: name of each landmark; empty if there are none.
        content_hash: identifies everything above and the bytes of the arrays.
    """

    def __init__(self, path: Path) -> None:
        """Read ``cohort.json``; see :func:`open_packed`."""
        about = about_packed(path)
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in about["subjects"]]
        self.splits: list[str] = [row["split"] for row in about["subjects"]]
        self.modalities: list[str] = about["modalities"]
        self.shape: tuple[int, int, int] = tuple(about["shape"])
        self.spacing: tuple[float, float, float] = tuple(about["spacing"])
        self.affine = np.array(about["affine"], dtype=float)
        self.label_names: dict[int, str] = {int(value): name for value, name in about["labels"].items()}
        self.landmark_names: list[str] = about["landmarks"]
        self.content_hash: str = about["content_hash"]
        self._arrays: dict[str, Any] = {}

    def images(self, modality: str) -> np.memmap:
        """Return the images of one modality, (N, X, Y, Z) float16 in [0, 1], read-only.

        Raises:
            InputError: the cohort lacks the modality.
        """
        if modality not in self.modalities:
            raise InputError(
                f"cohort '{self.name}' has no {modality}, it has {', '.join(self.modalities)}; "
                "name one of these in the paper's config, or add the modality to the cohort's"
            )
        return self._array(modality)

    @property
    def labels(self) -> np.memmap | None:
        """The labels, (N, X, Y, Z) uint8, int16 or int32, read-only; None if the cohort has none."""
        return self._array("labels") if self.label_names else None

    @property
    def landmarks(self) -> np.ndarray | None:
        """The landmarks, (N, K, 3) float32 in voxels of the grid; None if the cohort has none."""
        return self._array("landmarks") if self.landmark_names else None

    def indices(self, split: str) -> list[int]:
        """Return the rows of a split; empty if nobody is in it."""
        return [row for row, own in enumerate(self.splits) if own == split]

    def __len__(self) -> int:
        """Return the number of subjects."""
        return len(self.subjects)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps out, so that worker processes open their own instead of getting copies."""
        return {**self.__dict__, "_arrays": {}}

    def _array(self, name: str) -> Any:
        if name not in self._arrays:
            own = self.shape if name != "landmarks" else (len(self.landmark_names), 3)
            self._arrays[name] = packed_array(self.path / f"{name}.npy", (len(self), *own))
        return self._arrays[name]


def open_packed(path: str | Path) -> Packed:
    """Open a packed cohort.

    Raises:
        InputError: there is none at ``path``, or it has changed since it was packed.
    """
    path = Path(path)
    try:
        return Packed(path)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}/cohort.json: not a packed cohort ({error!r}); delete the folder and pack again"
        ) from error


def pack(batches: list[Path], label_names: dict[int, str], out: Path, name: str) -> None:
    """Pack the batches of a cohort; see :func:`mlmi2023.cohorts.forms.volumes.form.pack`."""
    from mlmi2023.cohorts.forms.volumes.form import pack as write

    write(batches, label_names, out, name)
