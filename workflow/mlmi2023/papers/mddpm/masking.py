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


def drawn_patches(
    area: Tensor, ratio: tuple[float, float], side: tuple[float, float], most: int, paired: bool = False
) -> Tensor:
    """Return where patches lie, (B, 1, H, W) bool.

    Patches come one after the other, with their middles evenly in the box around ``area``, until they cover a
    share of it that is drawn for each image.

    Args:
        area: what is to be covered, (B, 1, H, W) bool.
        ratio: the share, drawn evenly.
        side: of patches, of the image's height; both sides are drawn evenly.
        most: patches that are drawn.
        paired: of a spectrum: each patch at k comes with one at -k.
    """
    rows, columns = rectangles(area, side, most)
    low, high = ratio
    share = low + (high - low) * torch.rand(len(area), device=area.device)
    return covering(rows, columns, area, share, paired)


def rectangles(area: Tensor, side: tuple[float, float], count: int) -> tuple[Tensor, Tensor]:
    """Return the rows (B, count, H) and columns (B, count, W) of so many rectangles, 1 inside.

    Args:
        area: (B, 1, H, W) bool; middles lie evenly in the box around it.
        side: of the rectangles, of the image's height.
        count: of rectangles.
    """
    batch, _, height, width = area.shape
    device = area.device
    sides = height * (side[0] + (side[1] - side[0]) * torch.rand(batch, count, 2, device=device))
    spots = torch.rand(batch, count, 2, device=device)
    parts = []
    for axis, length in ((0, height), (1, width)):
        there = area.any(dim=3 - axis)[:, 0]
        places = torch.arange(length, device=device)
        first = torch.where(there, places, length).amin(1, keepdim=True)
        last = torch.where(there, places, -1).amax(1, keepdim=True) + 1
        middle = first + spots[..., axis] * (last - first)
        off = (places + 0.5 - middle[..., None]).abs()
        # at least the pixel in the middle
        parts.append((off <= sides[..., axis, None].div(2).clamp_min(0.5)).float())
    return parts[0], parts[1]


def covering(rows: Tensor, columns: Tensor, area: Tensor, share: Tensor, paired: bool = False) -> Tensor:
    """Return the union of as few of the first rectangles as cover a share of ``area``, (B, 1, H, W) bool.

    Args:
        rows: (B, K, H).
        columns: (B, K, W).
        area: (B, 1, H, W) bool.
        share: (B,); where all rectangles together cover less, they are all taken.
        paired: each comes with its opposite.
    """
    count = rows.shape[1]
    number = torch.arange(count, device=rows.device)
    total = area.flatten(1).sum(1).clamp_min(1)

    def union(taken: Tensor) -> Tensor:
        own = rows * (number < taken[:, None])[..., None]
        found = (own.transpose(1, 2) @ columns > 0.5)[:, None]
        return found | opposite(found) if paired else found

    low, high = torch.zeros_like(total), torch.full_like(total, count)
    for _ in range(count.bit_length()):
        middle = (low + high) // 2
        enough = (union(middle) & area).flatten(1).sum(1) >= share * total
        low, high = torch.where(enough, low, (middle + 1).clamp_max(count)), torch.where(enough, middle, high)
    return union(high)


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
    masked = drawn_patches(whole, keys.ratio, keys.side, keys.most, paired=True)
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
    count = torch.randint(0, keys.pasted + 1, (batch,), device=device).view(-1, 1, 1)
    rows, columns = rectangles(brain, keys.side, max(keys.pasted, 1))
    rows = rows * (torch.arange(rows.shape[1], device=device).view(1, -1, 1) < count)
    pasted = (rows.transpose(1, 2) @ columns > 0.5)[:, None] & brain
    return torch.where(pasted, masked, image)
