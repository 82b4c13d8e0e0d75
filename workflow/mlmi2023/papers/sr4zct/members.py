"""Which networks a method trains: one for each volume, scan and, where they differ, view or assumption."""

from dataclasses import dataclass
from typing import Any

from mlmi2023.cohorts.forms.ct_stacks.reader import Stack, Stacks, Volume
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.reporting.names import setting_name

VIEWS = ("cor", "sag")


@dataclass(frozen=True)
class Member:
    """One network: what it is tested on, and what its training images assume.

    Attributes:
        volume: the test volume.
        stack: its scan.
        view: ``cor`` or ``sag``; empty if one network serves both.
        resolution: thickness that the training images assume, mm.
        overlap: overlap that the training images assume, mm.
    """

    volume: Volume
    stack: Stack
    view: str
    resolution: float
    overlap: float

    @property
    def right(self) -> bool:
        """Whether the assumption is the truth."""
        return (self.resolution, self.overlap) == (self.stack.thickness, self.stack.overlap)

    def setting(self, view: str) -> str:
        """Return the name of the setting under which a view is scored."""
        factors: dict[str, Any] = {
            "resolution": self.stack.thickness,
            "overlap": self.stack.overlap,
            "view": view,
        }
        if not self.right:
            factors |= {"assumed_resolution": self.resolution, "assumed_overlap": self.overlap}
        return setting_name(factors)

    @property
    def file(self) -> str:
        """Name of the file that keeps this member's output."""
        name = f"{self.volume.name}_{self.stack.thickness:g}_{self.stack.overlap:g}"
        return name if self.right else f"{name}_as_{self.resolution:g}_{self.overlap:g}"


def members(job: Job, cohort: Stacks) -> list[Member]:
    """Return the members of a method, in order.

    Options: ``settings`` ([thickness, overlap] pairs; without it all), ``only_ordinary`` (no stress tests),
    ``per_view``, and ``assume`` with lists of errors of ``resolution`` and ``overlap`` in mm, of which every
    combination but (0, 0) is trained.

    Raises:
        InputError: nothing is left.
    """
    options = job.method_options
    wanted = options.get("settings")
    wanted = None if wanted is None else {(float(r), float(o)) for r, o in wanted}
    views = VIEWS if options.get("per_view") else ("",)
    errors = [(0.0, 0.0)]
    if options.get("assume"):
        own = options["assume"]
        errors = [(r, o) for r in own["resolution"] for o in own["overlap"] if (r, o) != (0, 0)]
    found = [
        Member(volume, stack, view, round(stack.thickness + r, 6), round(stack.overlap + o, 6))
        for volume in cohort.tested()
        if not (options.get("only_ordinary") and volume.label)
        for stack in volume.stacks
        if wanted is None or (stack.thickness, stack.overlap) in wanted
        for r, o in errors
        for view in views
    ]
    if not found:
        raise InputError(
            f"cohort '{cohort.name}': no volume has a scan that methods.{job.method}.settings names; "
            "change the settings, or remove the key"
        )
    return found
