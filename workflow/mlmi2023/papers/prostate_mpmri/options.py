"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Share, between, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.segmentation.options import VolumeSegmenter
from mlmi2023.tasks.options import Background, Patch, Prior, Truth
from mlmi2023.training.data.options import Augmentation3D
from mlmi2023.training.loop.options import OptimisedTraining

Images = Annotated[tuple[str, ...], filled]


class Network(Options):
    """See :class:`~mlmi2023.papers.prostate_mpmri.model.DospyResidualUsenet`."""

    name: Literal["dospy_residual_usenet"]
    features: Counts = (16, 32, 64, 128)
    reduction: Count = 8
    attention: Literal["scse", "none"] = "scse"
    bins: tuple[Count, ...] = (6, 3, 2, 1)
    deep: bool = True

    def wrong(self) -> str:
        """A level needs another."""
        if len(self.features) < 2:
            return "features needs two levels or more"
        if self.attention == "scse" and min(self.features) < self.reduction:
            return (
                f"reduction ({self.reduction}) must not be above the fewest features ({min(self.features)})"
            )
        return (
            ""
            if list(self.bins) == sorted(self.bins, reverse=True)
            else "bins must fall, as they are cascaded"
        )


class Learned(Options):
    """A network on the images ``inputs`` of each patient."""

    kind: Literal["learned"]
    inputs: Images
    net: Network | VolumeSegmenter


class PairedTests(Options):
    """t-tests of Dice, paired over tested cases, of the methods under ``uses`` against ``against``."""

    kind: Literal["paired_tests"]
    against: str


class Gland(Options):
    """One structure in volumes.

    Attributes:
        patch: depth, rows and columns of what a network sees: the whole grid, or a sliding window.
        overlap: share of a window that it has in common with the next.
        val: split on which weights are chosen.
        tested: splits that are scored.
        val_share: where the cohort has folds, the share of the patients of the other folds on which weights
            are chosen; without it, those of the next fold.
        windows: that are computed at once.
    """

    kind: Literal["gland"]
    patch: Patch
    overlap: Annotated[float, between(0, 0.95)] = 0.0
    gaussian: bool = False
    val: str = "val"
    tested: Annotated[tuple[str, ...], filled] = ("test",)
    val_share: Annotated[float, between(0.01, 0.5)] | None = None
    windows: Count = 1


class Train(OptimisedTraining):
    """``positive``: share of patches centred on the gland; ``deep``: weights of the outputs, finest first."""

    positive: Share
    loss: SegmentationLoss
    deep: Annotated[tuple[Amount, ...], filled] = (1.0, 0.5, 0.25, 0.125)
    augment: Augmentation3D | None = None


Method = Learned | PairedTests | Prior | Background | Truth
Task = Gland
