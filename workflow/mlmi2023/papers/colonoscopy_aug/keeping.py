"""What is kept of a frame when it is masked: 1 keeps a pixel, 0 blanks it."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.colonoscopy_aug.saliency import read_saliency
from mlmi2023.tasks.domains import View


def attended(saliency: Tensor, size: tuple[int, ...], threshold: float = 0.5) -> Tensor:
    """Return where the classifier looks, (B, H, W) bool: the saliency, made as large as frames, is above it.

    Args:
        saliency: (B, h, w) in [0, 1], 1 where the classifier looks most.
        size: H, W.
        threshold: th of Sect. 2.2.
    """
    large = F.interpolate(saliency[:, None].float(), size=list(size), mode="bilinear", align_corners=False)
    return large[:, 0] > threshold


def keep_maps(job: Job, view: View, rows: list[int]) -> np.ndarray | None:
    """Return the keep-maps of a method's training frames, (N, H, W) uint8; None for a method without masks.

    They are fixed before training, one a frame.

    Raises:
        InputError: ``uses`` lacks the classifier, or the cohort has no map of overlays.
    """
    mask = job.method_options.get("mask")
    if mask is None:
        return None
    shape = view.images.shape[:3]
    keep = np.ones(shape, np.uint8)
    if mask["by"] == "overlay":
        name = job.task.get("overlays")
        if name is None:
            raise InputError(
                f"method '{job.method}' blanks the true overlays; set task.overlays to the cohort's map of "
                "them, or leave the method out"
            )
        keep[rows] = view.maps[name].of(rows) == 0
        return keep
    saliency = torch.from_numpy(read_saliency(job, view)[rows])
    blank = attended(saliency, shape[1:], mask.get("threshold", 0.5)).numpy()
    if mask["by"] == "inverted":
        blank = ~blank
    if mask["by"] == "random":
        blank = np.stack([_elsewhere(own, [job.seed, row]) for own, row in zip(blank, rows)])
    keep[rows] = ~blank
    return keep


def _elsewhere(blank: np.ndarray, key: list[int]) -> np.ndarray:
    """Return a mask (H, W) of the same shape and area at another place, round the frame's edges."""
    steps = np.random.default_rng([*key, 11]).integers(0, blank.shape)
    return np.roll(blank, steps, axis=(0, 1))
