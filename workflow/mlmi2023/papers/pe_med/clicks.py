"""Clicks of a simulated user, for a whole batch at once on its device, and what networks see of them.

The user clicks into the deepest error: where a pixel that is missed, or wrongly found, lies farthest from
the border of its region. Places are (row, column).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

#: kinds of clicks; none where there is nothing left to correct
OBJECT, BACKGROUND, NONE = 1, 0, -1


class Click(NamedTuple):
    """A click in each image.

    Attributes:
        place: (B, 2) int64, row and column.
        sign: (B,) int64, :data:`OBJECT`, :data:`BACKGROUND` or :data:`NONE`.
    """

    place: Tensor
    sign: Tensor


def distances(kinds: Tensor) -> Tensor:
    """Return how far each pixel is from the nearest one of another kind, (B, H, W) float32, pixels.

    Exact and Euclidean; beyond the image is another kind, and kind 0 has no distance. Rows are swept once.
    Then pixels look up and down their columns, all at once, and drop out as soon as nothing nearer can come.

    Args:
        kinds: (B, H, W) bool or whole numbers.
    """
    rows, columns = kinds.shape[1:]
    at = torch.arange(columns, device=kinds.device, dtype=torch.int32)
    change = kinds[..., 1:] != kinds[..., :-1]
    start = torch.where(F.pad(change, (1, 0), value=True), at, 0).cummax(-1).values
    end = torch.where(F.pad(change, (0, 1), value=True), at, columns).flip(-1).cummin(-1).values.flip(-1)
    along = (torch.minimum(at - start, end - at) + 1).float().square().flatten()
    flat = kinds.flatten()
    place = flat.nonzero()[:, 0]
    row, kind, best = place // columns % rows, flat[place], along[place]
    found = torch.zeros_like(along)
    for reach in range(1, rows + 1):
        near = best <= reach**2
        found[place[near]] = best[near]
        place, row, kind, best = (own[~near] for own in (place, row, kind, best))
        if not len(place):
            break
        for step in (-reach, reach):
            inside = (row + step >= 0) & (row + step < rows)
            there = torch.where(inside, place + step * columns, place)
            same = inside & (flat[there] == kind)
            best = torch.minimum(best, torch.where(same, along[there], 0) + reach**2)
    return found.sqrt().view(kinds.shape)


def pick(candidates: Tensor, draw: Tensor) -> Tensor:
    """Return the place (B,) of one of the candidates of each line, 0 without any.

    Args:
        candidates: (B, N) bool.
        draw: (B,) in [0, 1), which says which.
    """
    order = candidates.cumsum(1, dtype=torch.int32)
    count = order[:, -1]
    wanted = (draw * count).int().clamp(max=(count - 1).clamp_min(0)) + 1
    return torch.searchsorted(order, wanted[:, None])[:, 0] * (count > 0)


def next_click(
    found: Tensor, truth: Tensor, draw: Tensor, taken: Tensor | None = None, spread: float = 1.0
) -> Click:
    """Return where the user clicks next.

    Args:
        found: (B, H, W) bool, the masks so far.
        truth: (B, H, W) bool.
        draw: (B,) in [0, 1); says which of the places that are as good.
        taken: (B, H, W) bool, pixels that were clicked before; None: none.
        spread: places of at least this share of the largest depth are as good; 1: the deepest alone.
    """
    # nobody clicks beyond the errors of the batch
    box = _box((found ^ truth).any(0))
    found, truth = found[box], truth[box]
    columns = found.shape[2]
    # 1 missed, 2 wrongly found
    depth = distances((truth & ~found).byte() + 2 * (found & ~truth).byte())
    if taken is not None:
        depth = depth * ~taken[box]
    depth, inside = depth.flatten(1), truth.flatten(1)
    positive = (depth * inside).amax(1) >= (depth * ~inside).amax(1)
    own = depth * (inside == positive[:, None])
    deepest = own.amax(1)
    place = pick((own >= spread * deepest[:, None]) & (own > 0), draw.to(own.device))
    sign = torch.where(deepest > 0, torch.where(positive, OBJECT, BACKGROUND), NONE)
    return Click(torch.stack([place // columns + box[1].start, place % columns + box[2].start], -1), sign)


def _box(mask: Tensor) -> tuple[slice, slice, slice]:
    """Return all images, and the rows and columns that hold a mask (H, W); one pixel without any."""
    sides = [mask.any(axis).nonzero()[:, 0].tolist() or [0] for axis in (1, 0)]
    rows, columns = (slice(side[0], side[-1] + 1) for side in sides)
    return slice(None), rows, columns


def disk_maps(places: Tensor, signs: Tensor, size: tuple[int, int], radius: float) -> Tensor:
    """Return disks around clicks, (B, 2, H, W) float32: those on the object, then those on the background.

    Args:
        places: (B, T, 2).
        signs: (B, T).
        size: H and W.
        radius: of a disk, pixels.
    """
    y, x = (torch.arange(side, device=places.device) for side in size)
    down = (y[:, None] - places[..., 0, None, None]).square()
    right = (x[None, :] - places[..., 1, None, None]).square()
    within = down + right <= radius**2
    return torch.stack(
        [(within & (signs == sign)[..., None, None]).any(1) for sign in (OBJECT, BACKGROUND)], 1
    ).float()
