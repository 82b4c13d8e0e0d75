"""The Masking Block (Sect. 2.3, Fig. 2): patches of the image, of its spectrum, or of both.

All works on a batch, from the global random state; images are (B, 1, H, W) in [0, 1], 0 outside of the brain.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mlmi2023.core.options import Options, options
from mlmi2023.papers.mddpm.options import Patches, Released


class _Keys(Options):
    masking: Patches | Released


def drawn_patches(area: Tensor, ratio: tuple[float, float], side: tuple[float, float], most: int) -> Tensor:
    """Return where patches lie, (B, 1, H, W) bool.

    Patches come one after the other, with their middles evenly in the box around ``area``, until they cover a
    share of it that is drawn for each image.

    Args:
        area: what is to be covered, (B, 1, H, W) bool.
        ratio: the share, drawn evenly.
        side: of patches, of the image's height; both sides are drawn evenly.
        most: patches that are drawn.
    """
    inside = rectangles(area, side, most)
    return covering(inside, area, ratio)


def rectangles(area: Tensor, side: tuple[float, float], count: int) -> Tensor:
    """Return so many rectangles for each image, (B, count, H, W) bool."""
    batch, _, height, width = area.shape
    device = area.device
    sides = height * (side[0] + (side[1] - side[0]) * torch.rand(batch, count, 2, device=device))
    spots = torch.rand(batch, count, 2, device=device)
    parts = []
    for axis, length in ((2, height), (3, width)):
        there = area.any(dim=3 if axis == 2 else 2)[:, 0]
        places = torch.arange(length, device=device)
        low = torch.where(there, places, length).amin(1, keepdim=True)
        high = torch.where(there, places, -1).amax(1, keepdim=True) + 1
        middle = low + spots[..., axis - 2] * (high - low)
        half = sides[..., axis - 2] / 2
        off = (places + 0.5 - middle[..., None]).abs()
        # of any width at least the pixel in the middle
        parts.append(off <= half[..., None].clamp_min(0.5))
    return parts[0][..., :, None] & parts[1][..., None, :]


def covering(inside: Tensor, area: Tensor, ratio: tuple[float, float]) -> Tensor:
    """Return the union of the first patches that cover a share of ``area``, (B, 1, H, W) bool.

    Args:
        inside: (B, K, H, W) bool.
        area: (B, 1, H, W) bool.
        ratio: the share, drawn evenly for each image.
    """
    batch, count = inside.shape[:2]
    number = inside.int().argmax(1).masked_fill(~inside.any(1), count)  # of the first patch at a pixel
    share = ratio[0] + (ratio[1] - ratio[0]) * torch.rand(batch, device=inside.device)
    total = area.flatten(1).sum(1)
    covered = torch.zeros(batch, count + 1, device=inside.device)
    ones = area.flatten(1).float()
    covered.scatter_add_(1, number.flatten(1), ones)
    done = covered[:, :count].cumsum(1) / total.clamp_min(1)[:, None]
    needed = (done < share[:, None]).sum(1)  # the patch that reaches the share
    return (number <= needed.view(-1, 1, 1).clamp_max(count - 1))[:, None]


def image_patches(image: Tensor, brain: Tensor, keys: Patches) -> Tensor:
    """Return the mask that keeps, M of Eq. 6: 0 in patches of the foreground, (B, 1, H, W)."""
    return (~(drawn_patches(brain, keys.ratio, keys.side, keys.most) & brain)).to(image.dtype)


def spectral(image: Tensor, keep: Tensor) -> Tensor:
    """Return IDFT(M DFT(z)) (Eq. 7), a real image.

    Args:
        image: (B, 1, H, W).
        keep: (B, 1, H, W), frequency 0 in the middle; the same at k and -k.
    """
    spectrum = torch.fft.fft2(image) * torch.fft.ifftshift(keep, (-2, -1)).to(image.dtype)
    return torch.fft.ifft2(spectrum).real


def opposite(mask: Tensor) -> Tensor:
    """Return a spectral mask, frequency 0 in the middle, with k and -k changed over."""
    place = [-1 if size % 2 else 0 for size in mask.shape[-2:]]
    turned = mask.flip((-2, -1))
    return turned.roll([1 + p for p in place], (-2, -1))


def frequency_patches(image: Tensor, brain: Tensor, keys: Patches) -> Tensor:
    """Return the image after FPM (Eq. 7), in [0, 1] and 0 outside of the brain, (B, 1, H, W).

    Patches of the spectrum come in pairs at k and -k, so that what comes back is real.
    """
    whole = torch.ones_like(image, dtype=torch.bool)
    inside = rectangles(whole, keys.side, keys.most)
    masked = covering(inside | opposite(inside), whole, keys.ratio)
    return spectral(image, ~masked).clamp(0, 1) * brain


class Masking:
    """A Masking Block.

    Args:
        keys: of :class:`~mlmi2023.papers.mddpm.options.Patches` or ``Released``; None: images stay.
    """

    def __init__(self, keys: Mapping[str, Any] | None) -> None:
        self.keys = options(_Keys, {"masking": dict(keys)}, "config").masking if keys else None

    def __call__(self, image: Tensor, brain: Tensor) -> Tensor:
        """Return z_M, (B, 1, H, W): what is noised in the place of the slice."""
        keys = self.keys
        if keys is None:
            return image
        if isinstance(keys, Released):
            return released(image, brain, keys)
        if keys.kind == "ipm":
            return image * image_patches(image, brain, keys)
        masked = frequency_patches(image, brain, keys)
        if keys.kind == "fpm":
            return masked
        keep = image_patches(image, brain, keys)
        return image * keep + masked * (1 - keep)  # Eq. 8


def released(image: Tensor, brain: Tensor, keys: Released) -> Tensor:
    """Return what the released code makes of slices, by its description.

    A centred square of the spectrum is kept or removed; up to ``pasted`` rectangles of the result come into
    the slice.
    """
    batch, _, height, width = image.shape
    device = image.device
    half = torch.randint(keys.half[0], keys.half[1] + 1, (batch,), device=device).view(-1, 1, 1)
    y = (torch.arange(height, device=device) - height // 2).abs().view(1, -1, 1)
    x = (torch.arange(width, device=device) - width // 2).abs().view(1, 1, -1)
    square = torch.maximum(y, x) <= half
    low = torch.rand(batch, device=device).view(-1, 1, 1) < 0.5
    masked = spectral(image, (square == low)[:, None]).clamp(0, 1) * brain
    count = torch.randint(0, keys.pasted + 1, (batch,), device=device).view(-1, 1, 1, 1)
    inside = rectangles(brain, keys.side, max(keys.pasted, 1))
    chosen = torch.arange(inside.shape[1], device=device).view(1, -1, 1, 1) < count
    pasted = (inside & chosen).any(1, keepdim=True) & brain
    return torch.where(pasted, masked, image)
