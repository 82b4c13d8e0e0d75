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


def distances(mask: Tensor) -> Tensor:
    """Return how far each pixel of a mask is from the nearest one outside it, (B, H, W) float32, pixels.

    Exact and Euclidean; beyond the image is outside. Rows are swept once, then shifted against each other as
    often as the deepest region asks for.

    Args:
        mask: (B, H, W) bool.
    """
    rows, columns = mask.shape[1:]
    at = torch.arange(columns, device=mask.device).expand(mask.shape)
    before = torch.where(mask, -1, at).cummax(-1).values
    behind = torch.where(mask, columns, at).flip(-1).cummin(-1).values.flip(-1)
    along = torch.minimum(at - before, behind - at).float().square()
    found = along
    for reach in range(1, rows + 1):
        if float(found.max()) <= reach**2:
            break
        padded = F.pad(along, (0, 0, reach, reach))
        found = torch.minimum(found, torch.minimum(padded[:, :rows], padded[:, -rows:]) + reach**2)
    return found.sqrt()


def pick(candidates: Tensor, draw: Tensor) -> Tensor:
    """Return the place (B,) of one of the candidates of each line, 0 without any.

    Args:
        candidates: (B, N) bool.
        draw: (B,) in [0, 1), which says which.
    """
    order = candidates.long().cumsum(1)
    count = order[:, -1]
    wanted = (draw * count).long().clamp(max=(count - 1).clamp_min(0)) + 1
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
    count, columns = len(found), found.shape[2]
    depth = distances(torch.cat([truth & ~found, found & ~truth]))
    if taken is not None:
        depth = depth * ~taken.repeat(2, 1, 1)
    missed, wrong = depth.flatten(1).split(count)
    positive = missed.amax(1) >= wrong.amax(1)
    own = torch.where(positive[:, None], missed, wrong)
    deepest = own.amax(1)
    place = pick((own >= spread * deepest[:, None]) & (own > 0), draw.to(own.device))
    sign = torch.where(deepest > 0, torch.where(positive, OBJECT, BACKGROUND), NONE)
    return Click(torch.stack([place // columns, place % columns], -1), sign)


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
