"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Interval, filled
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

#: thickness and overlap, mm
Scans = list[tuple[Amount, Amount]]
Keep = Scans | Literal["all"] | None


class Interpolation(Options):
    """Slices, interpolated."""

    kind: Literal["interpolation"]
    keep: Keep = None


class Mean(Options):
    """The floor: one grey."""

    kind: Literal["mean"]


class Merged(Options):
    """The mean of the two views of another method."""

    kind: Literal["merged"]
    of: str
    keep: Keep = None


class Interpolate(Options):
    """Average of the linear interpolant over a slice; ``points``: of how many, null: exact."""

    kind: Literal["interpolate"]
    points: Count | None = None


class Convolve(Options):
    """A box filter of ``width`` pixels, every ``stride``; null: the nearest to the thickness."""

    kind: Literal["convolve"]
    width: Count | None = None
    stride: Count


class MsdNet(Options):
    """Mixed-scale dense network."""

    depth: Count
    dilations: Count


class Assume(Options):
    """Errors (mm) of what training images assume, in all combinations."""

    resolution: Annotated[list[float], filled]
    overlap: Annotated[list[float], filled]


class Kept(Options):
    """What all networks have."""

    settings: Scans | None = None
    keep: Keep = None
    only_ordinary: bool = False
    per_view: bool = False
    ssim: bool = True


class Msd(Kept):
    """A network on images, of the scan itself or of others."""

    kind: Literal["learned"]
    model: Literal["msd"]
    source: Literal["self", "others"]
    net: MsdNet
    degrade: Interpolate | Convolve | None = None
    assume: Assume | None = None

    def wrong(self) -> str:
        """Own slices must be degraded."""
        return "source self needs the key degrade" if self.source == "self" and self.degrade is None else ""


class SaintNet(Options):
    """SAINT."""

    width: Count
    blocks: Count


class Saint(Kept):
    """SAINT, on slabs of other volumes."""

    kind: Literal["learned"]
    model: Literal["saint"]
    net: SaintNet


class RplhrNet(Options):
    """TVSRN of RPLHR-CT."""

    slices: Count
    width: Count
    heads: Count
    encoder: Count
    decoder: Count
    window: Count


class Rplhr(Kept):
    """TVSRN, on slabs of other volumes."""

    kind: Literal["learned"]
    model: Literal["rplhr"]
    net: RplhrNet


class Task(Options):
    """Enhancement; ``window``: Hounsfield units that become 0 and 1."""

    kind: Literal["enhancement"]
    window: Interval


class Train(OptimisedTraining):
    """``crop``: rows and columns of a training image; null: whole ones; ``slices``: of a slab."""

    crop: Count | None = None
    slices: Count = 8


Method = Interpolation | Mean | Merged | Truth | Msd | Saint | Rplhr
