"""Training samples: a row between two thick slices, or a block of thick slices with rows between them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from mlmi2023.core.errors import InputError
from mlmi2023.papers.hifi_diff.volumes import Volumes


def _below(count: int) -> int:
    return int(torch.randint(count, (1,)))


def padded(images: Tensor, halvings: int) -> Tensor:
    """Return images (..., H, W) with zeros behind both sides, so that they can be halved so often."""
    height, width = images.shape[-2:]
    step = 2**halvings
    return F.pad(images, (0, -width % step, 0, -height % step))


class Pairs(Dataset):
    """A random place between two neighbouring thick slices of each training volume (Sect. 2.1).

    Args:
        volumes: the cohort.
        factors: r is drawn from these.
        halvings: how often a network halves the images, which are padded to fit.
    """

    def __init__(self, volumes: Volumes, factors: Sequence[int], halvings: int) -> None:
        self.volumes, self.factors, self.halvings = volumes, list(factors), halvings
        self.own = volumes.indices("train")

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return ``pair`` (2, H, W), ``row`` (1, H, W), both in [0, 1], and ``offset`` k."""
        thick = self.volumes.thick(self.factors[_below(len(self.factors))])
        before, j = _below(thick.count - 1), _below(thick.factor)
        where, weights = thick.support(before, before + 1)
        rows = self.volumes.part(self.own[index], where)
        place = thick.first + before * thick.factor + j
        row = self.volumes.part(self.own[index], slice(place, place + 1))
        return {
            "pair": padded(torch.tensordot(weights, rows, 1), self.halvings),
            "row": padded(row, self.halvings),
            "offset": torch.tensor(j / thick.factor),
        }


class Blocks(Dataset):
    """A random block of neighbouring thick slices of each training volume, with rows between them.

    Args:
        volumes: the cohort.
        factors: r is drawn from these; ``apart``: a block of each of them.
        slices: thick slices of a block.
        rows: that are drawn of those between them; None: all, in order.
        crop: pixels of a block along both axes of a slice, at most; None: whole slices.
        apart: whether each factor has a block of its own, for networks that serve one factor each.
    """

    def __init__(
        self,
        volumes: Volumes,
        factors: Sequence[int],
        slices: int,
        rows: int | None,
        crop: int | None,
        apart: bool = False,
    ) -> None:
        self.volumes, self.factors, self.apart = volumes, list(factors), apart
        self.slices, self.rows = slices, rows
        self.crop = [min(crop or side, side) for side in volumes.size]
        self.own = volumes.indices("train")
        for factor in self.factors:
            thick = volumes.thick(factor)
            if thick.count < slices or (rows or 0) > factor * (slices - 1):
                raise InputError(
                    f"config keys train.slices ({slices}), train.rows ({rows}) do not fit factor {factor}; "
                    f"lower them: a volume has {thick.count} slices so thick"
                )

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, index: int) -> dict[str, dict[str, Tensor]]:
        """Return blocks by name of the factor, or one under an empty name.

        A block has ``stack`` (m, h, w), ``places`` (n,) in thick slices from its first, ``truth`` (n, h, w)
        and ``factor``.
        """
        if self.apart:
            return {str(factor): self._block(index, factor) for factor in self.factors}
        return {"": self._block(index, self.factors[_below(len(self.factors))])}

    def _block(self, index: int, factor: int) -> dict[str, Tensor]:
        thick = self.volumes.thick(factor)
        first = _below(thick.count - self.slices + 1)
        corner = [_below(side - crop + 1) for side, crop in zip(self.volumes.size, self.crop)]
        box = tuple(slice(c, c + crop) for c, crop in zip(corner, self.crop))
        where, weights = thick.support(first, first + self.slices - 1)
        total = factor * (self.slices - 1)
        chosen = torch.randperm(total)[: self.rows].sort().values if self.rows else torch.arange(total)
        start = thick.first + first * factor
        truth = self.volumes.part(self.own[index], slice(start, start + total))
        rows = self.volumes.part(self.own[index], where)
        return {
            "stack": torch.tensordot(weights, rows[(slice(None), *box)], 1),
            "places": chosen.float() / factor,
            "truth": truth[chosen][(slice(None), *box)],
            "factor": torch.tensor(float(factor)),
        }


class Held(Dataset):
    """Rows of validation volumes that are to be filled: the same for every network.

    Args:
        volumes: the cohort.
        factors: one item for each volume and factor.
        count: rows of an item, spread over those that lie in no thick slice's place.
    """

    def __init__(self, volumes: Volumes, factors: Sequence[int], count: int) -> None:
        self.volumes, self.count = volumes, count
        self.items = [(index, int(factor)) for index in volumes.indices("val") for factor in factors]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Return ``volume``, ``factor``, ``stack`` (M, H, W), ``rows`` (n,) and ``truth`` (n, H, W)."""
        index, factor = self.items[number]
        rows = spread(self.volumes.thick(factor).between(), self.count)
        return {
            "volume": torch.tensor(index),
            "factor": torch.tensor(factor),
            "stack": self.volumes.stack(index, factor),
            "rows": rows,
            "truth": self.volumes.truth(index, factor)[rows],
        }


def spread(mask: Tensor, count: int) -> Tensor:
    """Return ``count`` numbers, or all there are, spread over those that a mask (R,) picks, off both ends."""
    found = mask.nonzero()[:, 0]
    count = min(count, len(found))
    return found[((torch.arange(count) + 0.5) * len(found) / count).long()]
