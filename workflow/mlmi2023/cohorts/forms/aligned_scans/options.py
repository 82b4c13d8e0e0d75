"""The key ``read`` of the form ``aligned_scans``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.scans.options import Group, Kept, Modality, Spacing, Word
from mlmi2023.core.conditions import Amount, Count, Interval, Number, Positive, Shape, Share, filled
from mlmi2023.core.options import Options


class Align(Options):
    """Affine registration; the defaults are for images of 6 mm: 24 mm, then 12 mm, then 6 mm."""

    spacing: Positive = 6.0
    kind: Literal["rigid", "similarity", "affine"] = "affine"
    iterations: tuple[Number, ...] = (100, 50, 20)
    shrink: tuple[Count, ...] = (3, 2, 1)
    smooth: tuple[Amount, ...] = (2, 1, 0)
    sampling: Share = 0.5

    def wrong(self) -> str:
        """Levels are complete."""
        if not len(self.iterations) == len(self.shrink) == len(self.smooth):
            return "iterations, shrink and smooth need one value per level each"
        return ""


class Read(Options):
    """How scans are read and aligned."""

    groups: Annotated[list[Group], filled] | None = None
    modality: Modality = "CT"
    window: Interval
    spacing: Spacing
    shape: Shape
    reference: Word | None = None
    align: Align | Literal[False] | None = None
    labels_kept: Kept | None = None
