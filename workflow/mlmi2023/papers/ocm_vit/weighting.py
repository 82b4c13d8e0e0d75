"""From attention to a mask (Sect. 2.4): averaged heads, upsampled, scaled, times the image, Otsu."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

#: shares of image and attention in the release's blend, before it is halved
BLEND = (0.6, 0.4)


def upsampled(attention: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return maps (B, H, W) in [0, 1] of attention (B, heads, h, w): mean of heads, bilinear, Eq. 2."""
    mean = attention.float().mean(1, keepdim=True)
    large = F.interpolate(mean, size=list(size), mode="bilinear", align_corners=False)[:, 0]
    return normalised(large)


def normalised(maps: Tensor) -> Tensor:
    """Return maps (B, H, W) scaled to [0, 1] each (Eq. 2); one that is the same everywhere becomes 0."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-12)


def weighted(image: np.ndarray, attention: np.ndarray, how: str) -> np.ndarray:
    """Return what is thresholded, (H, W) in [0, 1].

    Args:
        image: (H, W) uint8.
        attention: (H, W) in [0, 1].
        how: ``product``, as printed; ``blend``: 0.6 of half the image and 0.4 of half the attention, as in
            the release; ``attention``: the image has no part.
    """
    grey = image.astype(np.float32) / 255
    if how == "product":
        return grey * attention
    if how == "blend":
        return BLEND[0] * grey / 2 + BLEND[1] * attention / 2
    return attention


def otsu(values: np.ndarray) -> np.ndarray:
    """Return where values (H, W) lie above Otsu's threshold (1979), uint8; nowhere if they are all one."""
    from skimage.filters import threshold_otsu

    if values.min() == values.max():
        return np.zeros(values.shape, np.uint8)
    return (values > threshold_otsu(values)).astype(np.uint8)


def segmented(image: np.ndarray, attention: np.ndarray | Tensor, how: str) -> np.ndarray:
    """Return the mask (H, W) uint8 of an image (H, W) uint8 by the heads' attention (heads, h, w)."""
    maps = upsampled(torch.as_tensor(attention)[None], image.shape)[0].numpy()
    return otsu(weighted(image, maps, how))
