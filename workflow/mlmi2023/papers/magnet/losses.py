"""The segmentation loss of Sect. 2.3."""

from mlmi2023.losses.segmentation import SegmentationLoss


def segmentation_loss() -> SegmentationLoss:
    """Return L_seg: 1 - mean Dice over all classes, with squares below, + cross-entropy."""
    return SegmentationLoss("dice_cross_entropy", background=True, squared=True)
