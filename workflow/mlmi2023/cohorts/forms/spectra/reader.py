"""A packed cohort of the form ``spectra``: FIDs of single transients.

The folder holds ``off.npy`` and ``on.npy`` (T, P) complex64, transients of all scans one after the other
(``on`` is empty where nothing is edited), ``truth.npy`` (N, 2, P) complex64 with the noise-free OFF and ON of
each scan where these are known, and ``cohort.json``. Nothing in it is fitted.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError
from mlmi2023.physics.spectra import ppm_axis

FORM = "spectra"


class Spectra:
    """Packed scans; all lists have one entry per scan.

    Attributes:
        path: its folder.
        name: the cohort's name.
        subjects: ids.
        sites: where each was made; empty texts where that is not known.
        splits: train, val or test.
        edited: whether there are ON transients.
        points: P, of a FID.
        width: spectral width, Hz.
        frequency: of the spectrometer, MHz.
        ppm: (P,) the falling axis.
        truth: (N, 2, P) complex64, OFF and ON; None: not known.
    """

    def __init__(self, path: Path) -> None:
        """Read the folder; see :func:`open_spectra`."""
        about = about_packed(path, FORM)
        rows: list[dict[str, Any]] = about["subjects"]
        self.path = path
        self.name: str = about["name"]
        self.subjects: list[str] = [row["subject"] for row in rows]
        self.sites: list[str] = [row["site"] for row in rows]
        self.splits: list[str] = [row["split"] for row in rows]
        self.edited: bool = about["edited"]
        self.points: int = about["points"]
        self.width: float = about["width"]
        self.frequency: float = about["frequency"]
        self.ppm = ppm_axis(self.points, self.width, self.frequency)
        self._spans = [slice(row["first"], row["first"] + row["transients"]) for row in rows]
        whole = (sum(row["transients"] for row in rows), self.points)
        self._off = packed_array(path / "off.npy", whole)
        self._on = packed_array(path / "on.npy", whole if self.edited else (0, self.points))
        self.truth: np.ndarray | None = (
            packed_array(path / "truth.npy", (len(rows), 2, self.points)) if about["known"] else None
        )

    def rows(self, split: str) -> list[int]:
        """Return the scans of a split."""
        return [row for row, own in enumerate(self.splits) if own == split]

    def off(self, row: int) -> np.ndarray:
        """Return the OFF transients of a scan, or all if not edited, (N, P) complex64, read-only."""
        return self._off[self._spans[row]]

    def on(self, row: int) -> np.ndarray:
        """Return the ON transients of a scan, (N, P) complex64, read-only."""
        return self._on[self._spans[row]] if self.edited else self._on


def open_spectra(path: str | Path) -> Spectra:
    """Open packed spectra.

    Raises:
        InputError: there is no such folder, or it is of another form.
    """
    try:
        return Spectra(Path(path))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not packed spectra ({error!r}); delete the folder and pack again"
        ) from error
