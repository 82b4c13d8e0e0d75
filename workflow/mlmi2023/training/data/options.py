"""Keys of ``augment``: what is done to training images; each key at its default does nothing."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Positive, Share, between, rising_or_equal
from mlmi2023.core.options import Options

#: degrees
Angle = Annotated[float, between(0, 180)]


class Augmentation2D(Options):
    """Of images.

    Attributes:
        flip: chance of mirroring left to right, and up to down.
        quarter: chance of a turn by 90, 180 or 270 degrees, which square images allow.
        warp: chance that turn, scale and shift below are applied.
        rotate: largest turn in degrees, either way.
        scale: smallest and largest magnification.
        shift: largest shift, as a share of the image, either way and along both axes.
        border: what comes in from outside; with ``zeros`` it is ``fill``.
        fill: intensity of what lies outside, where images are no longer 0 there; labels are 0.
        brightness: largest offset, either way, in spreads of the image.
        contrast: largest change of the spread about the mean, as a share, either way.
    """

    flip: tuple[Share, Share] = (0.0, 0.0)
    quarter: Share = 0.0
    warp: Share = 1.0
    rotate: Angle = 0.0
    scale: Annotated[tuple[Positive, Positive], rising_or_equal] = (1.0, 1.0)
    shift: Share = 0.0
    border: Literal["reflection", "border", "zeros"] = "reflection"
    fill: float = 0.0
    brightness: Amount = 0.0
    contrast: Share = 0.0

    def wrong(self) -> str:
        """Only zeros are replaced."""
        return "fill needs border: zeros" if self.fill and self.border != "zeros" else ""


class Augmentation3D(Options):
    """Of patches.

    Attributes:
        flip: probability of a flip along each axis.
        flip_all: probability of one flip along all three axes at once.
        turn: probability of one to three quarter turns in the plane of slices; or three, one after the other
            in the planes of rows and columns, depth and rows, depth and columns. A plane that is turned in
            must be square.
        rotate: largest angle about the depth axis, degrees; or three, about depth, rows and columns. With
            ``scale`` it makes one linear interpolation.
        scale: largest relative change of size along each axis.
        gain: largest relative change of intensity.
        shift: largest change of intensity.
        intensity: probability of gain and of shift.
    """

    flip: Share = 0.0
    flip_all: Share = 0.0
    turn: Share | tuple[Share, Share, Share] = 0.0
    rotate: Angle | tuple[Angle, Angle, Angle] = 0.0
    scale: Share = 0.0
    gain: Share = 0.0
    shift: Amount = 0.0
    intensity: Share = 1.0
