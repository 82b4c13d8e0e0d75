"""A window slid over a volume: logits of all windows, blended, without leaving the device.

The same windows, weights and result as MONAI's ``sliding_window_inference``; it adds into one sum in place
and asks the device nothing. ``tests/benchmarks/sliding_windows.py`` compares both.
"""

import itertools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def window_starts(length: int, side: int, overlap: float) -> list[int]:
    """Return where windows begin along an axis: evenly, the last one at the end.

    Args:
        length: of the axis, at least ``side``.
        side: of the window.
        overlap: share of a window that the next one covers too, below 1.
    """
    step = side if side == length else max(1, int(side * (1 - overlap)))
    count = -(-(length - side) // step) + 1
    return [min(k * step, length - side) for k in range(count)]


def blend_weights(size: Sequence[int], gaussian: bool, device: torch.device) -> Tensor:
    """Return the weight of each voxel of a window, (T, H, W): 1, or a Gaussian of an eighth of each side."""
    weight = torch.ones(tuple(size), device=device)
    if gaussian:
        for axis, side in enumerate(size):
            off = torch.arange(side, device=device, dtype=torch.float32) - (side - 1) / 2
            line = torch.exp(-0.5 * (off / (0.125 * side)) ** 2)
            weight = weight * line.reshape([-1 if k == axis else 1 for k in range(len(size))])
        weight = weight.clamp_min(max(float(weight.min()), 1e-3))
    return weight


def slide(
    net: Callable[[Tensor], Tensor],
    image: Tensor,
    size: Sequence[int],
    overlap: float = 0.5,
    gaussian: bool = False,
    batch: int = 1,
) -> Tensor:
    """Return blended logits of a volume.

    Args:
        net: (N, C, *size) -> (N, K, *size).
        image: (1, C, T, H, W); a volume smaller than the window is filled up with zeros around it.
        size: (T, H, W) of the window.
        overlap: share that neighbouring windows have in common.
        gaussian: whether the middle of a window counts more than its edges.
        batch: windows at once.

    Returns:
        (1, K, T, H, W) float32.
    """
    shape = image.shape[2:]
    lack = [max(0, side - length) for side, length in zip(size, shape)]
    pads = [(short // 2, short - short // 2) for short in lack]
    padded = F.pad(image, [side for pair in reversed(pads) for side in pair])
    weight = blend_weights(size, gaussian, image.device)
    starts = [window_starts(n, side, overlap) for n, side in zip(padded.shape[2:], size)]
    boxes = [
        (slice(None), *(slice(a, a + side) for a, side in zip(corner, size)))
        for corner in itertools.product(*starts)
    ]
    total: Tensor | None = None
    mass = torch.zeros(padded.shape[2:], device=image.device)
    for first in range(0, len(boxes), batch):
        part = boxes[first : first + batch]
        logits = net(torch.stack([padded[0][box] for box in part])).float()
        if total is None:
            total = torch.zeros((logits.shape[1], *padded.shape[2:]), device=image.device)
        for box, own in zip(part, logits):
            total[box] += own * weight
            mass[box[1:]] += weight
    assert total is not None  # a volume has at least one window
    total /= mass
    middle = (slice(None), *(slice(a, a + n) for (a, _), n in zip(pads, shape)))
    return total[middle][None]
