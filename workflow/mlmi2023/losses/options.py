"""Keys of ``loss``: losses that papers share."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Positive, filled
from mlmi2023.core.options import Options


class SegmentationLoss(Options):
    """Arguments of :class:`~mlmi2023.losses.segmentation.SegmentationLoss`.

    Attributes:
        weights: of Dice and of cross-entropy, for ``dice_cross_entropy``.
        class_weights: of the cross-entropy's classes.
        background: whether Dice counts class 0 of several as well.
        smooth: added above and below in Dice.
        squared: whether the sums below in Dice are of squares.
        per_case: mean of Dice over the cases of the batch; else sums run over the whole batch.
    """

    kind: Literal["cross_entropy", "dice", "dice_cross_entropy"] = "dice_cross_entropy"
    weights: tuple[Amount, Amount] = (1.0, 1.0)
    class_weights: Annotated[list[Amount], filled] | None = None
    background: bool = False
    smooth: Positive = 1e-5
    squared: bool = False
    per_case: bool = True


class Lncc(Options):
    """Local normalised cross-correlation; ``window`` is its edge in voxels."""

    similarity: Literal["lncc"]
    window: Count = 9


class Mse(Options):
    """Mean square of the differences."""

    similarity: Literal["mse"]


class MindSsc(Options):
    """MIND-SSC: ``radius`` of its patches, ``dilation`` of its neighbours."""

    similarity: Literal["mind_ssc"]
    radius: Count = 1
    dilation: Count = 2
