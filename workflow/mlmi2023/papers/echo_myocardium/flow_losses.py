"""What trains the flow without labels (Sect. 2.1, Eqs. 1 to 7).

Images are (B, 1, H, W) in 0 to 1, flows (B, 2, H, W) in pixels and pull (:mod:`.pwc`), masks of what is
visible (B, 1, H, W).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.fields.displacement import identity_grid, warp

#: of the generalised Charbonnier penalty
SMALL, POWER = 1e-3, 0.45
#: side of the patch that the census transform compares a pixel with
PATCH = 7
#: by which differences of grey levels, and of census signatures, are softened (in 0 to 255 as in UnFlow)
SOFT_GREY, SOFT_BITS = 0.81, 0.1
#: flows that disagree by more than this share of their squares, and so many square pixels, see two places
SHARE, LEAST = 0.01, 0.5
#: how fast edges of the image release the smoothness of the flow
EDGES = 10.0


def charbonnier(x: Tensor) -> Tensor:
    """Return the penalty (x^2 + eps^2)^alpha, element by element."""
    return (x * x + SMALL**2) ** POWER


def masked_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of values (B, C, H, W) over what is weighted (B, 1, H, W); 0 where nothing is."""
    return (values * weight).sum() / (weight.sum() * values.shape[1]).clamp_min(1e-3)


def visible(flow: Tensor, back: Tensor) -> Tensor:
    """Return 1 where a pixel is seen in the other frame, too, else 0 (B, 1, H, W).

    It is not where the flow leaves the image, nor where the way there and back does not end where it began:
    |f + b'|^2 > 0.01 (|f|^2 + |b'|^2) + 0.5, with b' the flow back as the flow finds it.
    """
    height, width = flow.shape[2:]
    place = identity_grid((height, width), flow.device) + flow
    inside = (
        (place[:, :1] >= 0) & (place[:, :1] <= height - 1) & (place[:, 1:] >= 0) & (place[:, 1:] <= width - 1)
    )
    returned = warp(back, flow)
    apart = (flow + returned).square().sum(1, keepdim=True)
    length = flow.square().sum(1, keepdim=True) + returned.square().sum(1, keepdim=True)
    return (inside & (apart <= SHARE * length + LEAST)).to(flow.dtype)


def photometric(first: Tensor, second: Tensor, flow: Tensor, weight: Tensor) -> Tensor:
    """Return how much the second image, warped, differs from the first (Eqs. 1 to 3, one direction)."""
    return masked_mean(charbonnier(first - warp(second, flow)), weight)


def census_transform(image: Tensor) -> Tensor:
    """Return softened signs of the differences to the pixels around, (B, 49, H, W) in -1 to 1."""
    grey, around = 255 * image, PATCH // 2
    height, width = image.shape[2:]
    padded = F.pad(grey, [around] * 4, mode="replicate")
    shifts = [(row, column) for row in range(PATCH) for column in range(PATCH)]
    near = torch.cat([padded[:, :, r : r + height, c : c + width] for r, c in shifts], 1)
    apart = near - grey
    return apart * torch.rsqrt(SOFT_GREY + apart * apart)


def census(first: Tensor, second: Tensor, flow: Tensor, weight: Tensor) -> Tensor:
    """Return the soft Hamming distance of census transforms, of the first and the warped image (Eq. 4)."""
    apart = (census_transform(first) - census_transform(warp(second, flow))).square()
    # x / (c + x) as 1 - c / (c + x), which takes less on the way back
    distance = 1 - SOFT_BITS * (SOFT_BITS + apart).reciprocal().mean(1, keepdim=True)
    return masked_mean(charbonnier(distance), weight)


def smoothness(image: Tensor, flow: Tensor) -> Tensor:
    """Return the mean first and second differences of the flow along both axes, less at edges."""
    total = flow.new_zeros(())
    for axis in (2, 3):
        slope = torch.diff(flow, dim=axis)
        edges = torch.exp(-EDGES * torch.diff(image, dim=axis).abs())
        total = total + (edges * slope.abs()).mean()
        bend = torch.diff(slope, dim=axis).abs()
        total = total + (edges.narrow(axis, 0, bend.shape[axis]) * bend).mean()
    return total / 4


def soft_dice(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean Dice of chances (B, C, H, W) over batch and channels."""
    overlap = 2 * (found * wanted).sum((2, 3)) + 1e-3
    return (overlap / (found.sum((2, 3)) + wanted.sum((2, 3)) + 1e-3)).mean()


def flow_dice(first: Tensor, second: Tensor, forward: Tensor, back: Tensor) -> Tensor:
    """Return 1 - Dice of masks and their warped neighbours, the sum of both directions (Eq. 5 as a loss).

    Args:
        first: chances (B, C, H, W) on frame c.
        second: the same on frame c + t.
        forward: flow from c to c + t, by which the second is brought onto the first.
        back: the other way round.
    """
    there, here = soft_dice(warp(second, forward), first), soft_dice(warp(first, back), second)
    return 2 - there - here


def incongruence(flows: Tensor) -> Tensor:
    """Return how far directions of following flows are apart, 1 - cosine, the mean over frames and pixels.

    Args:
        flows: forward ones (B, N - 1, 2, H, W); of a clip of two frames there is nothing to compare.
    """
    if flows.shape[1] < 2:
        return flows.sum() * 0
    return 1 - F.cosine_similarity(flows[:, :-1], flows[:, 1:], dim=2, eps=1e-3).mean()
