"""From a scan to what is found in it: a window slid over the volume, then labels or lesions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from mlmi2023.cohorts.forms.scans.reader import Scans
from mlmi2023.core.jobs import Job
from mlmi2023.papers.relational_unet.baselines import build
from mlmi2023.training.loop.device import make_deterministic, pick_device
from mlmi2023.training.loop.weights import load_weights

#: thresholds that are tried on the validation split
THRESHOLDS = np.round(np.arange(0.05, 1.0, 0.05), 2)


def class_count(scans: Scans) -> int:
    """Return the number of a network's outputs: the largest label, and the background."""
    return 1 + max(scans.label_names)


def window_logits(net: nn.Module, image: Tensor, task: Mapping[str, Any]) -> Tensor:
    """Return logits (1, K, T, H, W) float32 of a scan (1, 1, T, H, W), blended over windows."""
    from monai.inferers import sliding_window_inference

    found = sliding_window_inference(
        image,
        list(task["patch"]),
        int(task.get("windows", 1)),
        lambda part: net(part).float(),
        float(task["overlap"]),
        mode="gaussian" if task.get("gaussian") else "constant",
    )
    assert isinstance(found, Tensor)  # one network, one output
    return found


def run_network(job: Job, weights: Path, scans: Scans, rows: Sequence[int]) -> Iterator[Tensor]:
    """Yield softmax probabilities (K, X, Y, Z) of each scan, on the device."""
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    net = build(job.method_options, class_count(scans), job.task["patch"])
    load_weights(net, weights)
    net.to(device).eval()
    mixed = device.type == "cuda"
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
        for row in rows:
            volume = torch.from_numpy(np.asarray(scans.image(row)).transpose(2, 1, 0).astype(np.float32))
            logits = window_logits(net, volume[None, None].to(device), job.task)
            yield logits.softmax(1)[0].permute(0, 3, 2, 1)


def lesions(probability: np.ndarray, brain: np.ndarray, threshold: float, least: int) -> np.ndarray:
    """Return the mask of lesions: above a threshold, inside the brain, in pieces of at least ``least``
    voxels.

    Args:
        probability: (X, Y, Z).
        brain: boolean mask of the same shape.
        threshold: a voxel counts from here on.
        least: smallest piece; voxels that share a face, edge or corner are in one piece.
    """
    mask = (probability >= threshold) & brain
    pieces, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    return mask & (np.bincount(pieces.ravel()) >= least)[pieces]
