"""Keys of the preprocessing steps, which :mod:`.n4`, :mod:`.brainmask`, :mod:`.affine`, :mod:`.grid` take."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import (
    Amount,
    Count,
    Millimetres,
    Number,
    Positive,
    Shape,
    Share,
    between,
    filled,
    rising,
)
from mlmi2023.core.options import Options

Levels = Annotated[tuple[Number, ...], filled]


class N4(Options):
    """N4.

    Attributes:
        shrink: fits every n-th voxel; null: voxels about 10 mm apart, n at most 6. On two simulated heads of
            1 mm, 6 leaves as much of the true field as 4 (sd of its log 0.033, 0.021; 4: 0.032, 0.023) at 0.4
            of the CPU.
        iterations: at most, per level; the control points double from level to level. The usual fourth level
            follows the anatomy: on simulated heads it lowers the variation inside white matter below that of
            the bias-free image, while the estimated field moves away from the true one.
        spline_mm: spacing of the first level's control points; null: one span over the whole image.
        mask: which voxels are fitted.
    """

    shrink: Count | None = None
    iterations: Levels = (25, 25, 25)
    tolerance: Amount = 1e-6
    spline_mm: Positive | None = None
    mask: Literal["foreground", "all"] = "foreground"


class Brainmask(Options):
    """Skull stripping.

    Attributes:
        threshold: deepbet: probability; fsl_bet: fractional intensity.
        size: deepbet: edge of the cube that it sees, voxels; null: 256, or 192 for coarse images.
        device: of deepbet.
        volume_ml: masks smaller or larger than a human brain are refused; null: any.
        roundness: masks less round are refused; a brain has about 0.9, what the network sees in noise or in a
            chest less than 0.75; null: any, for slabs.
    """

    backend: Literal["deepbet", "fsl_bet", "given"] = "deepbet"
    threshold: Share = 0.5
    size: Count | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    volume_ml: Annotated[tuple[Amount, Positive], rising] | None = (300, 2800)
    roundness: Share | None = 0.78


class Affine(Options):
    """Registration to a template.

    Attributes:
        kind: rigid has 6 parameters, similarity 7, affine 12.
        target: mni152, or the path of a skull-stripped image.
        template_mm: ants compares the images at the voxels of a template thinned out to this.
        iterations: ants, coarse to fine: at most; ``shrink``: every n-th voxel; ``smooth``: in voxels.
        sampling: share of the voxels that mutual information is computed from.
    """

    backend: Literal["ants", "flirt"] = "ants"
    kind: Literal["rigid", "similarity", "affine"] = "affine"
    target: Annotated[str, filled] = "mni152"
    template_mm: Positive = 2.0
    iterations: Levels = (100, 50)
    shrink: Annotated[tuple[Count, ...], filled] = (4, 2)
    smooth: Annotated[tuple[Amount, ...], filled] = (2, 0)
    sampling: Annotated[float, between(0.01, 1)] = 0.5

    def wrong(self) -> str:
        """Levels are complete."""
        if not len(self.iterations) == len(self.shrink) == len(self.smooth):
            return "iterations, shrink and smooth need one value per level each"
        return ""


class Grid(Options):
    """The common grid.

    Attributes:
        shape: voxels along right, front, up.
        spacing: mm; one value or three.
        centre: what lies in the grid's middle: the middle of the template (its brain) or of the volume.
        target: the template that ``centre: template`` means.
        order: interpolation of the images: 1 linear, 3 cubic; labels: always nearest neighbour.
        low: percentile of the brain's intensities that becomes 0; ``high``: that becomes 1.
        mask: zero outside of the brain mask, if the record has one.
        outside: intensity beyond the image; null: the image's own background.
    """

    shape: Shape
    spacing: Millimetres | tuple[Millimetres, Millimetres, Millimetres]
    centre: Literal["template", "volume"] = "template"
    target: Annotated[str, filled] = "mni152"
    order: Literal[1, 3] = 1
    low: Annotated[float, between(0, 100)] = 0.5
    high: Annotated[float, between(0, 100)] = 99.5
    mask: bool = True
    outside: float | None = None

    def wrong(self) -> str:
        """Percentiles rise."""
        return "" if self.low < self.high else "low and high are percentiles, low below high"


STEPS: dict[str, type[Options]] = {"n4": N4, "brainmask": Brainmask, "affine": Affine, "grid": Grid}
