"""A packed cohort of the form ``ct_stacks``: CT volumes as stacks of thick slices, some with a reference.

The folder holds ``<volume>_<n>.npy`` (Z, Y, X) int16 in Hounsfield units for each stack of a volume,
``<volume>_reference.npy`` (Z, Y, X) with cubic voxels where there is one, and ``cohort.json``. Axes run to
the head, to the front, to the left or right.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.core.errors import InputError


@dataclass(frozen=True)
class Stack:
    """A scan with thick slices.

    Attributes:
        file: of its array.
        pixel: size of a pixel in plane, mm.
        thickness: of a slice, mm.
        spacing: between slice centres, mm.
        first: centre of the first slice, mm from the lower edge of the volume.
        length: of the volume along z, mm.
    """

    file: Path
    pixel: float
    thickness: float
    spacing: float
    first: float
    length: float

    @property
    def overlap(self) -> float:
        """What neighbouring slices share, mm; negative where there are gaps."""
        return round(self.thickness - self.spacing, 3)

    @property
    def rows(self) -> int:
        """Rows of pixel size that the volume has along z."""
        return round(self.length / self.pixel)

    def array(self) -> np.ndarray:
        """Return the slices, (Z, Y, X) int16 Hounsfield units, read-only."""
        return packed_array(self.file)

    def centres(self) -> np.ndarray:
        """Return the slices' centres, (Z,) mm."""
        return self.first + self.spacing * np.arange(len(self.array()))


@dataclass(frozen=True)
class Volume:
    """One volume of the cohort.

    Attributes:
        name: id.
        split: ``train`` (learn from it only), ``all`` (both, never at once) or ``test``.
        label: kind of volume, such as a stress test; empty for an ordinary one.
        stacks: its scans.
        reference_file: None where the true thin slices are not known.
        group: volumes of one group never learn for each other's test; the volume's own name without groups.
    """

    name: str
    split: str
    label: str
    stacks: tuple[Stack, ...]
    reference_file: Path | None
    group: str

    def reference(self) -> np.ndarray | None:
        """Return the volume with cubic voxels, (rows, Y, X) int16 Hounsfield units; None if not known."""
        return None if self.reference_file is None else packed_array(self.reference_file)


@dataclass(frozen=True)
class Stacks:
    """The packed cohort; ``name``, ``volumes`` and ``content_hash``."""

    name: str
    volumes: tuple[Volume, ...]
    content_hash: str

    def tested(self) -> list[Volume]:
        """Return the volumes that methods are tested on."""
        return [v for v in self.volumes if v.split != "train"]

    def others(self, volume: Volume) -> list[Volume]:
        """Return the volumes that may be learned from when ``volume`` is the test: never its own group."""
        usable = [v for v in self.volumes if v.split in ("train", "all") and v.reference_file is not None]
        return [v for v in usable if v.group != volume.group]


def open_stacks(path: str | Path) -> Stacks:
    """Open a packed cohort of stacks.

    Raises:
        InputError: there is none, or it is of another form.
    """
    path = Path(path)
    about = about_packed(path, "ct_stacks")
    try:
        volumes = tuple(
            Volume(
                row["subject"],
                row["split"],
                row["label"],
                tuple(Stack(path / s.pop("file"), **s) for s in row["stacks"]),
                path / row["reference"] if row["reference"] else None,
                row.get("group", row["subject"]),
            )
            for row in about["subjects"]
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not packed stacks ({error!r}); delete the folder and pack again"
        ) from error
    return Stacks(about["name"], volumes, about["content_hash"])
