"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Positive, Share, at_least, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.generation.options import Process
from mlmi2023.nets.segmentation.options import Unet
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

Factor = Annotated[int, at_least(2)]
Factors = Annotated[list[Factor], filled]


class Interpolation(Options):
    """Rows without a network; ``nearest`` is the floor."""

    kind: Literal["interpolation"]
    by: Literal["linear", "nearest"]


class Branches(Options):
    """The U-Nets: channels of each level, residual blocks of a level, groups of the normalisation."""

    widths: Counts
    blocks: Count
    groups: Count

    def wrong(self) -> str:
        """Channels divide into groups."""
        if any(width % self.groups for width in self.widths):
            return f"widths {list(self.widths)} must be multiples of groups ({self.groups})"
        return ""


class Sampling(Options):
    """The way back.

    Attributes:
        steps: of DDIM; they divide the steps of the process.
        eta: 0: DDIM; 1: fresh noise in each step.
        noise: ``volume``: all rows of a volume begin with the same noise; ``slice``: each with its own.
        batch: rows at once.
    """

    steps: Count
    eta: Share = 0.0
    noise: Literal["volume", "slice"] = "volume"
    batch: Count = 16


class Curve(Options):
    """Some rows by several numbers of steps: of so many volumes, at one factor."""

    factor: Factor
    volumes: Count
    rows: Count
    steps: Annotated[list[Count], filled]


class Drawn(Options):
    """HiFi-Diff, or the same without HiFE."""

    model: Literal["hifi_diff", "no_hife"]
    net: Branches
    process: Process
    sampler: Sampling

    def wrong(self) -> str:
        """Steps divide."""
        curve: Curve | None = getattr(self, "curve", None)
        for steps in [self.sampler.steps, *(curve.steps if curve else [])]:
            if self.process.steps % steps:
                return f"{steps} sampling steps do not divide the {self.process.steps} of the process"
        return ""


class Diffusion(Drawn):
    """Trained."""

    kind: Literal["learned"]


class Redrawn(Drawn):
    """The weights of another method, drawn in another way.

    Attributes:
        of: that method, which stands under ``uses`` and has the same ``net``.
        factors: only these are tested; null: all.
        curve: in the place of whole volumes.
    """

    kind: Literal["redrawn"]
    of: str
    factors: Factors | None = None
    curve: Curve | None = None


class DeepResolveNet(Options):
    """DeepResolve."""

    width: Count
    layers: Annotated[int, at_least(2)]


class DeepResolve(Options):
    """A network for each tested factor."""

    kind: Literal["learned"]
    model: Literal["deepresolve"]
    net: DeepResolveNet


class MetaSRNet(Options):
    """MetaSR: channels, dense blocks, their layers and growth, units of the perceptron."""

    width: Count
    blocks: Count
    layers: Count
    growth: Count
    hidden: Count


class MetaSR(Options):
    """MetaSR along the axis of slices."""

    kind: Literal["learned"]
    model: Literal["metasr"]
    net: MetaSRNet


class ArSSRNet(Options):
    """ArSSR: as MetaSR's, with ``depth`` layers of the perceptron."""

    width: Count
    blocks: Count
    layers: Count
    growth: Count
    hidden: Count
    depth: Annotated[int, at_least(2)]


class ArSSR(Options):
    """ArSSR."""

    kind: Literal["learned"]
    model: Literal["arssr"]
    net: ArSSRNet


class Segmenter(Options):
    """The network of ``task.segmenter``, which the others use."""

    kind: Literal["learned"]
    model: Literal["segmenter"]


class Box(Options):
    """A thick slice is a mean over its thickness, in spacings: 1 side by side, 0 the row as it is."""

    kind: Literal["box"]
    thickness: Amount = 1.0


class Fir(Options):
    """Rows are low-passed by a filter of so many taps; every r-th is kept."""

    kind: Literal["fir"]
    taps: Count = 49

    def wrong(self) -> str:
        """The filter has a middle."""
        return "" if self.taps % 2 else f"taps ({self.taps}) must be odd"


class Task(Options):
    """Rows between thick slices.

    Attributes:
        plane: of the slices; they are thick across it.
        train_factors: of the methods that serve every factor.
        factors: that are tested.
        tissues: label values of each, single or [first, last]; ``wm`` and ``gm`` in the paper.
        segmenter: network that finds them.
    """

    kind: Literal["slice_filling"]
    modality: str
    plane: Literal["sagittal", "coronal", "axial"]
    profile: Box | Fir
    train_factors: Factors
    factors: Factors
    tissues: dict[str, Annotated[list[int | tuple[int, int]], filled]] | None = None
    segmenter: Unet | None = None


class Train(OptimisedTraining):
    """How to train.

    Attributes:
        ema: decay of the average of diffusion's weights; 0: none.
        slices: thick slices of a block, of the networks in 3D.
        rows: drawn between them, for each block.
        crop: pixels of a block along both axes of a slice; null: whole slices.
        val_rows: rows that are filled of each validation volume and factor.
        ceiling: dB, the best PSNR that rows can have, beside which a gain is judged.
        loss: of the segmenter.
    """

    ema: Share = 0.0
    slices: Annotated[int, at_least(2)] = 4
    rows: Count = 6
    crop: Count | None = None
    val_rows: Count = 8
    ceiling: Positive = 40.0
    loss: SegmentationLoss | None = None


Method = Interpolation | Truth | Diffusion | Redrawn | DeepResolve | MetaSR | ArSSR | Segmenter
