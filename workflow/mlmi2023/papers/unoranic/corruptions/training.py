"""The corruptions of training (Sect. 2.2): batches of 8 bits in and out, on the device.

Nothing here draws random numbers: a sample brings its own in [0, 1), so that what happens to sample k of a
run depends on seed and k alone, whatever is trained on it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mlmi2023.papers.unoranic.corruptions import filters, light
from mlmi2023.papers.unoranic.names import SEEN
from mlmi2023.papers.unoranic.options import Corruption

#: numbers that a kind may use; the first says whether it comes
NUMBERS = 5
#: rows of numbers: one for each kind, and one that says which kind comes alone
ROWS = len(SEEN) + 1

KINDS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    name: getattr(light, name, None) or getattr(filters, name) for name in SEEN
}


class Draw(NamedTuple):
    """Random numbers of a batch in [0, 1): (B, ROWS, NUMBERS), and for pixels, (B, C + 1, H, W)."""

    numbers: Tensor
    grain: Tensor


def apply(kind: str, images: Tensor, draw: Draw) -> Tensor:
    """Return all images with one corruption, (B, C, H, W) uint8.

    Args:
        kind: one of ``SEEN``.
        images: (B, C, H, W) uint8.
        draw: its numbers.
    """
    own = draw.numbers[:, SEEN.index(kind), 1:]
    # the last layer is for whole pixels, the others for each channel
    grain = draw.grain[:, -1:] if kind == "pixel_dropout" else draw.grain[:, :-1]
    found = KINDS[kind](images.float(), own, grain)
    return found.round().clamp(0, 255).to(torch.uint8)


def corrupted(images: Tensor, draw: Draw, own: Corruption) -> Tensor:
    """Return S = A_S(I): each kind in turn, with its chance, (B, C, H, W) uint8."""
    for kind in own.kinds:
        images = _where(draw.numbers[:, SEEN.index(kind), 0] < own.chance, kind, images, draw)
    return images


def corrupted_by_one(images: Tensor, draw: Draw, own: Corruption) -> tuple[Tensor, Tensor]:
    """Return images of which some have one corruption, and which they are, (B,) int (Sect. 3.4)."""
    last = draw.numbers[:, -1]
    flags = last[:, 0] < own.one
    which = (last[:, 1] * len(own.kinds)).long()
    for number, kind in enumerate(own.kinds):
        images = _where(flags & (which == number), kind, images, draw)
    return images, flags.long()


def _where(chosen: Tensor, kind: str, images: Tensor, draw: Draw) -> Tensor:
    rows = torch.nonzero(chosen)[:, 0]
    if not len(rows):
        return images
    changed = apply(kind, images[rows], Draw(draw.numbers[rows], draw.grain[rows]))
    return images.index_copy(0, rows, changed)


def joined(parts: Sequence[Draw]) -> Draw:
    """Return the draws of several batches as those of one."""
    return Draw(torch.cat([p.numbers for p in parts]), torch.cat([p.grain for p in parts]))
