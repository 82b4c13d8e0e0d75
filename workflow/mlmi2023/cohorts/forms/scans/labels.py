"""Label values of a cohort of scans: which are kept, and the type that holds them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import label_type
from mlmi2023.core.errors import InputError


def kept(labels: np.ndarray, wanted: Sequence[int] | Mapping[int, int]) -> np.ndarray:
    """Return labels (any shape) with the values of ``wanted`` alone; a mapping renumbers them."""
    if not isinstance(wanted, Mapping):
        return np.where(np.isin(labels, list(wanted)), labels, labels.dtype.type(0))
    found = np.zeros(labels.shape, label_type(max(wanted.values())))
    for old, new in wanted.items():
        found[labels == old] = new
    return found


def check_values(where: str, read: Mapping[str, Any], values: set[int], files: Sequence[str]) -> None:
    """Refuse a cohort without any structure, or without one that is to be kept.

    Args:
        where: how messages name the configuration.
        read: the cohort's key ``read``.
        values: label values that are packed, 0 among them.
        files: label maps, of which the first is named.

    Raises:
        InputError: the line names key and file.
    """
    wanted = read.get("labels_kept") or ()
    named = set(wanted.values()) if isinstance(wanted, Mapping) else set(wanted)
    if lost := sorted(named - values):
        raise InputError(
            f"{where}: key 'read.labels_kept' wants {lost[0]}, which no label map holds inside the scans "
            f"(looked at {len(files)}, the first is {files[0]}); name values that occur"
        )
    if not values - {0}:
        raise InputError(
            f"{where}: all {len(files)} label maps are 0 everywhere, the first is {files[0]}; there is "
            "nothing to learn or to score: check the pattern 'labels' of read.groups"
        )


class LabelMaps:
    """Label maps on their way to one array, whose type is known once all have been seen.

    Args:
        file: ends with ``.npy``; a file beside it holds the maps until :meth:`save`.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.raw = file, file.with_suffix(".raw")
        self._kinds: list[np.dtype] = []
        self._counts: list[int] = []

    def __enter__(self) -> "LabelMaps":
        self._stream = open(self.raw, "wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self.raw.unlink()

    def add(self, labels: np.ndarray) -> None:
        """Take a map of any shape, in the smallest type that holds it."""
        self._stream.write(labels.tobytes())
        self._kinds.append(labels.dtype)
        self._counts.append(labels.size)

    def save(self, shape: tuple[int, ...] | None = None) -> None:
        """Write all maps as one array, in the type of the largest; without a shape, one after the other."""
        self._stream.flush()
        total = sum(self._counts)
        whole = np.lib.format.open_memmap(self.file, "w+", np.result_type(*self._kinds), shape or (total,))
        joined, at, start = whole.reshape(total), 0, 0
        for kind, count in zip(self._kinds, self._counts):
            joined[start : start + count] = np.memmap(self.raw, kind, "r", at, (count,))
            at, start = at + count * kind.itemsize, start + count
        whole.flush()
