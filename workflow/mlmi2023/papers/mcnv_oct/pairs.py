"""Which printed pairs of Dice and IoU cannot be.

Of one mask, and of pixels pooled over all images, IoU = D / (2 - D) for the Dice D. That is a convex
function, so that the mean IoU of several images is at least that of their mean Dice (Jensen). A printed IoU
below it, by more than rounding explains, is of no averaging of one set of masks.
"""

from typing import Any, NamedTuple


class Printed(NamedTuple):
    """A row that a paper prints of a dataset: Dice and IoU, %."""

    dataset: str
    method: str
    dice: float
    iou: float


def least_iou(dice: float) -> float:
    """Return the smallest IoU that a Dice leaves, both in %."""
    return 100 * dice / (200 - dice)


def gap(dice: float, iou: float) -> float:
    """Return how far an IoU lies above the smallest that its Dice leaves, points of %; below 0 cannot be."""
    return iou - least_iou(dice)


def impossible(dice: float, iou: float, half: float = 0.005) -> bool:
    """Whether no rounding saves a pair.

    Args:
        dice: in %.
        iou: in %.
        half: of the last printed digit.
    """
    return gap(dice - half, iou + half) < 0


def printed(reported: dict[str, Any]) -> list[Printed]:
    """Return the pairs of a paper's file, ``resources/papers/<slug>.yaml`` as it is read, each once."""
    found: dict[tuple[str, float, float], Printed] = {}
    for table in reported["tables"]:
        for row in table["rows"]:
            values, dataset = row["values"], table["dataset"]
            if {"dice", "iou"} <= set(values):
                key = dataset, values["dice"], values["iou"]
                found.setdefault(key, Printed(dataset, row["method"], values["dice"], values["iou"]))
    return list(found.values())
