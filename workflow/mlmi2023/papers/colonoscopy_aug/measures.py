"""Scores of a frame (Sect. 3), and how well the saliency finds what a system has written over it."""

from collections.abc import Iterator, Mapping

import numpy as np

from mlmi2023.metrics.segmentation import count, rates


def overlap(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return Dice, recall and accuracy of one frame.

    Dice is 1 where nothing is there and nothing is found; recall is NaN where nothing is there.

    Args:
        found: (H, W) labels 0 and 1.
        truth: the same.
    """
    own = rates(count(found, truth))
    dice = 1.0 if not found.any() and not truth.any() else own["dice"]
    return {"dice": dice, "recall": own["sensitivity"], "accuracy": own["accuracy"]}


def mean_dice(found: Mapping[str, float]) -> float:
    """Return the mean of the Dice of frames."""
    return float(np.mean(list(found.values())))


def attention_scores(
    attended: np.ndarray, polyp: np.ndarray, overlays: np.ndarray | None, view: np.ndarray | None
) -> Iterator[tuple[str, float]]:
    """Yield how the attended area lies to overlays and polyp, in percent; NaN where there is none of it.

    Args:
        attended: (H, W) bool.
        polyp: (H, W) bool.
        overlays: (H, W) bool, or None where they are not known.
        view: (H, W) bool, what the endoscope sees, likewise.
    """
    yield "attended", 100 * float(attended.mean())
    yield "polyp_attended", _share(attended, polyp)
    if overlays is None:
        return
    yield "overlay_precision", _share(overlays, attended)
    yield "overlay_recall", _share(attended, overlays)
    yield "overlay_iou", _share(attended & overlays, attended | overlays)
    yield "overlay_share", 100 * float(overlays.mean())
    if view is not None:
        yield "off_tissue", _share(overlays | ~view, attended)


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    """Return the share of ``whole`` that lies in ``part``, in percent."""
    return 100 * float((part & whole).sum() / whole.sum()) if whole.any() else float("nan")
