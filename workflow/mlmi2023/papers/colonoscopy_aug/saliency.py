"""Where the classifier of centres looks: GradCAM (Sect. 2.2, Algorithm 1) by MONAI, once for all frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.colonoscopy_aug.edges import sobel
from mlmi2023.tasks.domains import View
from mlmi2023.tasks.runs import AGAIN, read_arrays

FILE = "saliency.npz"
#: the last stage of the ResNet
LAYER = "layer4"


def gradcam(net: nn.Module, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps (B, h, w) in [0, 1], 1 where the net looks most, and the predicted classes (B,).

    The class is the predicted one. A map that is 0 everywhere stays so: there is nothing the net looks at.

    Args:
        net: the classifier, in evaluation mode.
        edges: (B, 3, H, W), its input.
    """
    from monai.visualize import GradCAM

    with torch.inference_mode(False), torch.enable_grad():
        maps = GradCAM(net, LAYER).compute_map(edges.clone())[:, 0].detach()
    with torch.no_grad():
        classes = net(edges).argmax(1)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-12), classes


def saliency_of(
    net: nn.Module, frames: np.ndarray, rows: Sequence[int], device: torch.device, chunk: int = 32
) -> dict[str, np.ndarray]:
    """Return ``maps`` (n, h, w) float32 and ``classes`` (n,) of frames (N, H, W, 3) uint8."""
    found = []
    for start in range(0, len(rows), chunk):
        part = np.array(frames[list(rows[start : start + chunk])])
        pictures = torch.from_numpy(part).to(device).permute(0, 3, 1, 2).float() / 255
        found.append([values.cpu() for values in gradcam(net, sobel(pictures))])
    maps, classes = (torch.cat(own).numpy() for own in zip(*found))
    return {"maps": maps, "classes": classes}


def read_saliency(job: Job, view: View) -> np.ndarray:
    """Return the maps (N, h, w) that the method's classifier has left of all frames.

    Raises:
        InputError: no classifier stands under ``uses``, or its maps are of another cohort.
    """
    folders = [used.predictions for used in job.used.values() if (Path(used.predictions) / FILE).is_file()]
    if len(folders) != 1:
        raise InputError(
            f"config key methods.{job.method}.uses: name the one classifier whose saliency masks frames"
        )
    maps = read_arrays(folders[0] / FILE)["maps"]
    if len(maps) != len(view.images):
        raise InputError(f"{folders[0]}: has {len(maps)} maps, the cohort {len(view.images)} frames; {AGAIN}")
    return maps
