"""The key ``read`` of the form ``pool_scans``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.scans.options import Modality, Pattern, Spacing, Split, SplitWord, Word
from mlmi2023.core.conditions import Interval, Name, Number, between, filled, matching
from mlmi2023.core.options import Options

#: a part of a subject's name, such as ``ID_{group}_*``
Patient = Annotated[str, matching(r".*\{group\}.*", "it needs {group} where patients differ")]


class Group(Options):
    """Scans whose files are named alike; a pattern that ends with a slash is of folders of DICOM slices."""

    image: Pattern
    labels: Pattern | None = None
    split: Split = "all"
    site: Name | Literal[""] = ""


class Lists(Options):
    """A ``dataset.json`` that lists training and test scans.

    Attributes:
        file: its path below the root.
        folders: where else files may lie, each a folder of ``images`` and one of ``labels``.
        val: training scans that validate instead, drawn by patient.
        seed: of that draw.
    """

    file: Word
    folders: tuple[tuple[Word, Word], ...] = ()
    val: Number = 0
    seed: Number = 0


class Read(Options):
    """How scans are read."""

    groups: Annotated[list[Group], filled] | None = None
    lists: Lists | None = None
    patient: Patient | None = None
    hide: tuple[SplitWord, ...] = ()
    empty: tuple[SplitWord, ...] = ()
    modality: Modality = "CT"
    spacing: Spacing | None = None
    smooth: bool = True
    window: Interval | None = None
    scale: Literal["percentiles"] | None = None
    thickness: Annotated[float, between(0.01, 100)] | None = None
    threshold: Annotated[float, between(0, 65535)] | None = None

    def wrong(self) -> str:
        """One way to scale, and no split is both empty and hidden."""
        if (self.window is None) == (self.scale is None):
            return "give one of read.window ([low, high]) and read.scale (percentiles)"
        if both := sorted(set(self.hide) & set(self.empty)):
            return f"read.hide and read.empty both name '{both[0]}'; give it to one"
        for group in self.groups or []:
            if group.labels == group.image:
                return f"labels is '{group.labels}', as image is; name the label maps"
        return ""
