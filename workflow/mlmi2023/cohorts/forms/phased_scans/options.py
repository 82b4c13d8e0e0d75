"""The key ``read`` of the form ``phased_scans``; the form says what the keys mean."""

from typing import Annotated, Any, Literal

from mlmi2023.cohorts.forms.scans.options import Pattern, Spacing, Split, Word
from mlmi2023.core.conditions import Count, Interval, Name, Number, filled, matching
from mlmi2023.core.options import Options

Voxels = tuple[Count, Count, Count]
Phased = Annotated[
    str, matching(r"(?=.*\{subject\}).*\{phase\}.*", "it needs {subject} and {phase} where the names differ")
]
#: one or several, of which the first that fits counts
PhasedPatterns = Phased | Annotated[list[Phased], filled]


class Raw(Options):
    """Files without header."""

    type: Literal["int16", "uint16", "float32"] = "int16"
    byte_order: Literal["little", "big"] = "little"
    axes: Annotated[str, matching("[RLAPSI]{3}", "give one each of R or L, A or P, S or I")]


class Volume(Options):
    """Size in voxels and spacing in mm of a file without header."""

    size: Voxels
    spacing: Spacing


class Read(Options):
    """How phases are read."""

    scans: PhasedPatterns = "{subject}/{phase}.nii.gz"
    labels: PhasedPatterns | None = None
    landmarks: PhasedPatterns | None = None
    truth: Pattern | None = None
    landmark_index: Number | None = None
    phases: list[Name]
    inhale: Word = "T00"
    exhale: Word = "T50"
    split: Split = "all"
    offset: float = 0.0
    raw: Raw | None = None
    volumes: dict[Any, Volume] | None = None
    modality: Name = "CT"
    window: Interval
    spacing: Spacing
    shape: Voxels

    def wrong(self) -> str:
        """Phases differ, and both ends of a breath are among them."""
        if len(set(self.phases)) < 2:
            return "phases needs two names or more, such as [T00, T50]"
        if len(set(self.phases)) < len(self.phases):
            return f"phases names one twice ({', '.join(self.phases)}); leave it out"
        for end in (self.inhale, self.exhale):
            if end not in self.phases:
                return f"'{end}' is not among read.phases ({', '.join(self.phases)}); add it"
        return ""
