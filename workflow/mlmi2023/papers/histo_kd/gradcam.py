"""Where a network looks, layer by layer: Grad-CAM (Selvaraju et al., 2017) by MONAI (Fig. 2)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def heat_maps(net: nn.Module, x: Tensor, layers: Sequence[str]) -> Tensor:
    """Return heat maps of the likeliest class, (layers, B, H, W), each from 0 up to 1.

    Args:
        net: images to logits (B, K), in evaluation mode.
        x: (B, 3, H, W).
        layers: names of modules in ``net``.
    """
    from monai.visualize import GradCAM

    found = []
    for layer in layers:
        with torch.inference_mode(False), torch.enable_grad():
            raw = GradCAM(net, layer).compute_map(x.clone()).detach()
        large = F.interpolate(raw, size=list(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0]
        found.append(large / large.amax((1, 2), keepdim=True).clamp_min(1e-12))
    return torch.stack(found)


def on_structures(heat: Tensor, structures: Tensor) -> float:
    """Return the share of all heat that lies on structures, by the share of the area that these cover.

    1 is what heat without regard to structures has, NaN where there is no heat or nothing to lie on.

    Args:
        heat: (B, H, W).
        structures: (B, H, W) bool.
    """
    whole, area = heat.sum(), structures.float().mean()
    if not whole > 0 or not area > 0:
        return float("nan")
    return float((heat * structures).sum() / whole / area)
