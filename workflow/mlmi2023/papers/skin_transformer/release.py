"""What the released test notebook does to an answer before it measures it. It looks at the truth: never use.

Kept to show how much of the printed numbers it explains. Sizes are the notebook's at 224 pixels, scaled with
the image.
"""

import numpy as np
from scipy import ndimage

#: logits at or above this are lesion; as a probability 0.596
THRESHOLD = 0.39
#: sides of the squares, in pixels of an image of 224: of the closing, and of the dilation of a blob
CLOSING, DILATION = 5, 15
#: sides of the squares by which what is not a hole reaches in from outside, in both
REACH_CLOSING, REACH_DILATION = 4, 5


def after_release(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the mask that the notebook would score, (H, W) bool.

    The thresholded answer is dilated, its holes are filled, and it is eroded, from the image's border too.
    Then each connected part of it, and the background, is compared with the truth, as it is and dilated with
    filled holes; one that has both a higher Dice and fewer wrong pixels than the best so far takes the place
    of the whole answer.

    Args:
        logits: (H, W).
        truth: (H, W) bool.
    """
    scale = truth.shape[1] / 224
    square = _square(CLOSING * scale)
    whole = _filled(ndimage.binary_dilation(logits >= THRESHOLD, square), REACH_CLOSING * scale)
    found = ndimage.binary_erosion(whole, square)
    best = found
    dice, wrong = _fit(found, truth)
    parts, count = ndimage.label(found, np.ones((3, 3)))
    wide = _square(DILATION * scale)
    for number in range(count + 1):
        part = parts == number
        for candidate in (part, _filled(ndimage.binary_dilation(part, wide), REACH_DILATION * scale)):
            own_dice, own_wrong = _fit(candidate, truth)
            if own_dice > dice and own_wrong < wrong:
                best, dice, wrong = candidate, own_dice, own_wrong
    return best


def _filled(mask: np.ndarray, reach: float) -> np.ndarray:
    """Return a mask with its holes: what squares of side ``reach``, 3 at least, do not find from outside."""
    side = max(3, round(reach))
    return ndimage.binary_fill_holes(mask, np.ones((side, side), bool))


def _square(side: float) -> np.ndarray:
    """Return a square of an odd side."""
    half = max(1, round((side - 1) / 2))
    return np.ones((2 * half + 1, 2 * half + 1), bool)


def _fit(found: np.ndarray, truth: np.ndarray) -> tuple[float, int]:
    """Return Dice and the number of wrong pixels."""
    total = int(found.sum() + truth.sum())
    wrong = int((found != truth).sum())
    return (1 - wrong / total if total else 1.0), wrong
