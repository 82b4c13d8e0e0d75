"""A packed cohort of the form ``scans``: labelled volumes, each on a grid of its own.

The folder holds ``<modality>.npy`` for each of a scan's images (all voxels of all scans one after the other,
float16), ``labels.npy`` (the same, uint8; int16 or int32 where a value needs it) and ``cohort.json``. Arrays
are read as (X, Y, Z) in RAS order. How intensities were scaled stands in ``cohort.json``; voxels outside of a
stripped head are 0.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError


class Scans:
    """A packed cohort of scans.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: id of each scan.
        splits: split of each scan; any words.
        sites: scanner, centre or protocol of each scan; may be empty.
        shapes: (X, Y, Z) of each scan.
        spacings: mm per voxel of each scan.
        modalities: names of the image arrays, a scan's channels.
        missing: of each scan, names of the images that it lacks; they are packed as zeros.
        label_names: structure name of each label value, without the background.
        folds: fold of each scan; empty without cross-validation.
        content_hash: identifies everything above and the bytes of the arrays.
    """

    def __init__(self, path: Path) -> None:
        """Read ``cohort.json``; see :func:`open_scans`."""
        about = about_packed(path, "scans")
        self.path = path
        self.name: str = about["name"]
        rows = about["subjects"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.sites: list[str] = [row["site"] for row in rows]
        self.shapes: list[tuple[int, int, int]] = [tuple(row["shape"]) for row in rows]
        self.spacings: list[tuple[float, float, float]] = [tuple(row["spacing"]) for row in rows]
        self.missing: list[list[str]] = [row.get("missing", []) for row in rows]
        self.folds: list[int] = [row["fold"] for row in rows if "fold" in row]
        self.modalities: list[str] = about["modalities"]
        names = {int(value): str(name) for value, name in about["labels"].items()}
        self.label_names: dict[int, str] = dict(sorted(names.items()))
        self.content_hash: str = about["content_hash"]
        self.offsets = np.concatenate([[0], np.cumsum([int(np.prod(s)) for s in self.shapes])])
        self._arrays: dict[str, np.memmap] = {}

    def image(self, row: int, modality: str = "") -> np.ndarray:
        """Return a scan's image, (X, Y, Z) float16, read-only; without a name, of the first modality."""
        return self._view(modality or self.modalities[0], row)

    def chosen(self, wanted: Sequence[str] | None = None) -> list[str]:
        """Return the names of the images that are wanted, in that order; all of the cohort's without any.

        Raises:
            InputError: the cohort lacks one, or one is named twice.
        """
        names = list(wanted or self.modalities)
        for name in names:
            if name not in self.modalities or names.count(name) > 1:
                raise InputError(
                    f"config key task.modalities is {names}; cohort '{self.name}' has "
                    f"{', '.join(self.modalities)}, each of which may be named once"
                )
        return names

    def stack(self, row: int, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Return a scan's images as channels, (C, X, Y, Z) float16: see :meth:`chosen`."""
        return np.stack([self.image(row, name) for name in self.chosen(modalities)])

    def present(self, row: int, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Return which of a scan's channels there are, (C,) boolean."""
        return np.array([name not in self.missing[row] for name in self.chosen(modalities)])

    def labels(self, row: int) -> np.ndarray:
        """Return a scan's labels, (X, Y, Z) uint8, int16 or int32, read-only."""
        return self._view("labels", row)

    def rows(self, *splits: str) -> list[int]:
        """Return the scans of some splits, in order."""
        return [row for row, own in enumerate(self.splits) if own in splits]

    def flat(self, name: str) -> np.memmap:
        """Return all voxels of a modality, or of ``labels``, one scan after the other; see :attr:`offsets`.

        Raises:
            InputError: the cohort lacks the modality, or its file is broken.
        """
        if name != "labels" and name not in self.modalities:
            raise InputError(
                f"cohort '{self.name}' has no {name}, it has {', '.join(self.modalities)}; name one of these"
            )
        if name not in self._arrays:
            self._arrays[name] = packed_array(self.path / f"{name}.npy", (int(self.offsets[-1]),))
        return self._arrays[name]

    def _view(self, name: str, row: int) -> np.ndarray:
        return self.flat(name)[self.offsets[row] : self.offsets[row + 1]].reshape(self.shapes[row])

    def __len__(self) -> int:
        """Return the number of scans."""
        return len(self.subjects)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps out, so that worker processes open their own instead of getting copies."""
        return {**self.__dict__, "_arrays": {}}


def open_scans(path: str | Path) -> Scans:
    """Open a packed cohort of scans.

    Raises:
        InputError: there is none, or it is of another form.
    """
    path = Path(path)
    try:
        return Scans(path)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}/cohort.json: not packed scans ({error!r}); delete the folder and pack again"
        ) from error


def divide(
    scans: Scans, fold: int, val: str = "val", test: Sequence[str] = ("test",)
) -> dict[str, list[int]]:
    """Return the rows that train, validate and are tested, by part.

    Without folds the splits say so. A cohort with folds is cross-validated: fold ``fold`` is the test, the
    next one validates, the others train.

    Args:
        scans: the cohort.
        fold: number of the run's fold; 0 without cross-validation.
        val: name of the split that validates.
        test: names of the splits that are tested.

    Raises:
        InputError: there is no such fold, or a part is empty.
    """
    if scans.folds:
        count = max(scans.folds) + 1
        if fold >= count or count < 3:
            raise InputError(
                f"cohort '{scans.name}' has {count} folds, fold {fold} is asked for; give the cohort's key "
                "'folds.count' and the paper's key 'folds' the same number, 3 or more"
            )
        place = np.array(scans.folds)
        held = [np.flatnonzero(place == (fold + step) % count).tolist() for step in (0, 1)]
        rest = [row for row in range(len(scans)) if row not in {*held[0], *held[1]}]
        found = {"train": rest, "val": held[1], "test": held[0]}
    elif fold:
        raise InputError(
            f"cohort '{scans.name}' has no folds, the paper's config wants some; set the cohort's key 'folds'"
        )
    else:
        found = {"train": scans.rows("train"), "val": scans.rows(val), "test": scans.rows(*test)}
    for part, rows in found.items():
        if not rows:
            raise InputError(f"cohort '{scans.name}': no scan for '{part}'; check its split or folds")
    return found
