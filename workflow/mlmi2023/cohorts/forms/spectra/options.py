"""The key ``read`` of the form ``spectra``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.images.options import Names
from mlmi2023.core.conditions import Count, at_least, between, filled
from mlmi2023.core.options import Options

Several = Names | Annotated[list[Names], filled]


class Axis(Options):
    """The axis that all scans are brought to.

    Attributes:
        points: of a FID.
        width: spectral width, Hz.
        frequency: of the spectrometer, MHz.
    """

    points: Annotated[Count, at_least(64)]
    width: Annotated[float, between(500, 20000)]
    frequency: Annotated[float, between(10, 1000)]


class Read(Options):
    """How transients are read."""

    scans: Several
    truth: Names | None = None
    edited: bool = True
    order: Literal["alternating", "halves"] = "alternating"
    first: Literal["auto", "on", "off"] = "auto"
    axis: Axis | None = None

    def wrong(self) -> str:
        """The truth is another file."""
        scans = [self.scans] if isinstance(self.scans, str) else self.scans
        return "truth names the scans themselves" if self.truth in scans else ""

    @property
    def patterns(self) -> list[str]:
        """The patterns of scans."""
        return [self.scans] if isinstance(self.scans, str) else list(self.scans)
