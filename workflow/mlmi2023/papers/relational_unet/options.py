"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Number, Positive, Share, between, filled
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.segmentation.options import VolumeSegmenter
from mlmi2023.tasks.options import Background, Patch, Prior, Truth
from mlmi2023.training.data.options import Augmentation3D
from mlmi2023.training.loop.options import OptimisedTraining


class RelationalUnet(Options):
    """See :class:`~mlmi2023.papers.relational_unet.network.RelationalUNet`."""

    name: Literal["relational_unet"]
    features: Counts = (32, 64, 128, 256, 512)
    skip: Literal["rsa", "identity"] = "rsa"
    down: Literal["pool", "conv"] = "pool"
    norm: Literal["instance", "batch"] = "instance"
    window: Patch = (5, 7, 7)
    heads: Count = 8
    kernel: Literal["V", "R", "VR"] = "VR"
    context: Literal["V", "R", "VR"] = "VR"
    budget: Amount = 0.0


class Learned(Options):
    """A network on patches."""

    kind: Literal["learned"]
    net: RelationalUnet | VolumeSegmenter


class Brightness(Options):
    """A threshold on intensity, in a sweep up to ``top`` spreads above the brain's mean."""

    kind: Literal["brightness"]
    top: Positive


class Windows(Options):
    """A sliding window.

    Attributes:
        patch: depth, rows, columns.
        overlap: share of a window that it has in common with the next.
        val: split on which weights are chosen.
        tested: splits that are scored.
        within: negative patches lie where the scaled image is above this.
        windows: that are computed at once.
        modalities: the images of a scan that a network sees; null: all.
    """

    patch: Patch
    overlap: Annotated[float, between(0, 0.95)]
    gaussian: bool = False
    val: str = "val"
    tested: Annotated[tuple[str, ...], filled] = ("test",)
    within: float | None = None
    windows: Count = 1
    modalities: Annotated[tuple[str, ...], filled] | None = None


class Organs(Windows):
    """Several structures."""

    kind: Literal["organs"]


class Lesions(Windows):
    """One structure; ``share`` is r of nDSC, ``least`` the voxels of a lesion."""

    kind: Literal["lesions"]
    settings: dict[str, str] | None = None
    share: Share
    least: Number


class DiceFocal(Options):
    """Dice and focal loss."""

    kind: Literal["dice_focal"]
    weights: tuple[Amount, Amount] = (0.5, 1.0)
    gamma: Amount = 2.0


class DiceCrossEntropy(SegmentationLoss):
    """Dice and cross-entropy."""

    kind: Literal["cross_entropy", "dice", "dice_cross_entropy"]


class Train(OptimisedTraining):
    """``positive``: share of patches centred on a structure."""

    positive: Share
    loss: DiceFocal | DiceCrossEntropy
    augment: Augmentation3D | None = None


Method = Learned | Brightness | Prior | Background | Truth
Task = Organs | Lesions
