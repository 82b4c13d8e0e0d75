"""The key ``read`` of the form ``registered_scans``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.scans.options import Kept, Modality, Pattern, Scale, Spacing, Split
from mlmi2023.core.conditions import Amount, Count, Counts, Interval, Positive, Shape, filled
from mlmi2023.core.options import Options
from mlmi2023.core.schemas import suggest


class Register(Options):
    """Registration by mutual information.

    Attributes:
        transform: ``none`` trusts the headers; ``affine`` begins with ``rigid``.
        bins: of the histograms.
        share: of the voxels that are looked at, on a regular lattice.
        iterations: of each stage, at most.
        shrink: of the levels, from coarse to fine.
        smooth: of the levels, mm.
    """

    transform: Literal["none", "rigid", "affine"] = "rigid"
    bins: Count = 32
    share: Positive = 0.5
    iterations: Count = 100
    shrink: Counts = (2, 1)
    smooth: Annotated[tuple[Amount, ...], filled] = (2.0, 0.0)

    def wrong(self) -> str:
        """Levels have both."""
        if self.share > 1:
            return "share must be at most 1"
        return "" if len(self.shrink) == len(self.smooth) else "shrink and smooth need as many levels"


class Read(Options):
    """How images are read, registered and brought to one grid."""

    images: Annotated[dict[Modality, Pattern], filled]
    labels: Pattern
    reference: str
    choose: dict[str, Literal["first", "last", "labels"]] | None = None
    missing: Literal["refuse", "leave_out"] = "refuse"
    split: Split | None = None
    register: Register = Register()
    interpolation: Literal["nearest", "linear"] = "linear"
    spacing: Spacing
    shape: Shape
    window: dict[str, Interval] | None = None
    scale: Scale | dict[str, Scale] = "zscore"
    labels_kept: Kept | None = None

    def wrong(self) -> str:
        """Names are those of images."""
        scales = self.scale if isinstance(self.scale, dict) else {}
        windows = self.window or {}
        named = {"reference": [self.reference], "choose": self.choose, "window": windows, "scale": scales}
        for key, names in named.items():
            for name in names or ():
                if name not in self.images:
                    return f"{key} names '{name}'{suggest(name, list(self.images))}"
        for name in self.images if scales else ():
            if (name in scales) == (name in windows):
                return f"give one of window ([low, high]) and scale (zscore, percentiles) for {name}"
        return ""
