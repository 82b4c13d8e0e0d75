"""From what a detector finds to masks: contours filled, or chances cut at a half, at any size."""

import numpy as np
from torch import Tensor

from mlmi2023.cohorts.formats.slices import resized
from mlmi2023.papers.ffpn.outlines import filled, scaled
from mlmi2023.papers.ffpn.truth import Found


def one(found: Found, item: int) -> Found:
    """Return the answer for one image of a batch, on the CPU, still with a batch axis of length 1."""

    def own(values: Tensor | None) -> Tensor | None:
        return None if values is None else values[item : item + 1].detach().float().cpu()

    score = own(found.score)
    assert score is not None
    return Found(score, own(found.points), own(found.masks))


def masks_of(found: Found, size: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Return masks (K, H, W), bool, of the answer for one image; empty where a structure was not found.

    Args:
        found: with a batch axis of length 1.
        size: rows and columns of the network's input.
        shape: of the masks.
    """
    scores = found.score[0].numpy()
    masks = np.zeros((len(scores), *shape), bool)
    for k in np.flatnonzero(scores > 0):
        if found.masks is not None:
            chance = found.masks[0, k].numpy()
            masks[k] = (chance if shape == size else resized(chance[None], shape)[0]) >= 0.5
        elif found.points is not None:
            masks[k] = filled(scaled(found.points[0, k].numpy(), size, shape), shape)
    return masks


def painted(masks: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return a label map (H, W) uint8 of masks (K, H, W); where some overlap, the highest score is seen."""
    labels = np.zeros(masks.shape[1:], np.uint8)
    for k in np.argsort(score, kind="stable"):
        labels[masks[k]] = k + 1
    return labels
