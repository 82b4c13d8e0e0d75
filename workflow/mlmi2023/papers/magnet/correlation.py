"""Inter-modal correlation loss (Sect. 2.4)."""

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor, nn

from mlmi2023.papers.magnet.options import Correlation

#: keeps a dimension that is 0 for all patients from dividing by 0
TINY = 1e-6


class Projector(nn.Sequential):
    """Two blocks of linear layer, ReLU and batch normalisation, and a linear layer.

    It is given means over the grid (n, C), and returns (n, widths[2]).
    """

    def __init__(self, channels: int, widths: tuple[int, int, int]) -> None:
        first, second, out = widths
        super().__init__(
            nn.Linear(channels, first), nn.ReLU(), nn.BatchNorm1d(first),
            nn.Linear(first, second), nn.ReLU(), nn.BatchNorm1d(second),
            nn.Linear(second, out),
        )  # fmt: skip


def cross_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Return C of Eq. 5, (D, D), of projections (n, D) of two modalities; as printed, without centring."""
    above = x.T @ y
    return above / (x.norm(dim=0)[:, None] * y.norm(dim=0)[None]).clamp_min(TINY)


def barlow(x: Tensor, y: Tensor, redundancy: float) -> Tensor:
    """Return L_corr of Eq. 5 for projections (n, D) of two modalities of the same n patients."""
    c = cross_correlation(x, y)
    same = c.diagonal()
    return ((1 - same) ** 2).sum() + redundancy * ((c**2).sum() - (same**2).sum())


class CorrelationLoss(nn.Module):
    """Projection, a memory of earlier patients' projections, and the loss over all pairs of modalities.

    With one patient C is +1 or -1 whatever the projections are, and no gradient comes of it. So patients of
    earlier steps count in the sums over the batch, as they were projected then.

    Args:
        channels: of the coarsest level.
        modalities: M.
        keys: see :class:`.options.Correlation`.
    """

    held: Tensor
    there: Tensor

    def __init__(self, channels: int, modalities: int, keys: Correlation) -> None:
        super().__init__()
        self.keys, self.modalities = keys, modalities
        self.projector = Projector(channels, keys.widths)
        self.register_buffer("held", torch.zeros(keys.queue, modalities, keys.widths[2]))
        self.register_buffer("there", torch.zeros(keys.queue, modalities, dtype=torch.bool))

    def forward(self, each: Tensor, where: Tensor, count: int) -> Tensor:
        """Return the mean loss over pairs of modalities that two patients or more have; 0 without any.

        Args:
            each: means over the grid of the coarsest level (n, C), of the images that are there.
            where: patient and modality of each (n, 2).
            count: of patients.
        """
        if len(each) < 2:  # a single image in all: nothing to normalise over, and no pair
            return each.new_zeros(())
        projected = self.projector(each.float())
        own = projected.new_zeros((count, self.modalities, projected.shape[1]))
        own = own.index_put((where[:, 0], where[:, 1]), projected)
        there = torch.zeros((count, self.modalities), dtype=torch.bool, device=each.device)
        there[where[:, 0], where[:, 1]] = True
        losses = list(self._pairs(torch.cat([own, self.held]), torch.cat([there, self.there]), there))
        if self.training and self.keys.queue:
            self.held = torch.cat([own.detach(), self.held])[: self.keys.queue]
            self.there = torch.cat([there, self.there])[: self.keys.queue]
        return torch.stack(losses).mean() if losses else each.new_zeros(())

    def _pairs(self, own: Tensor, there: Tensor, now: Tensor) -> Iterator[Tensor]:
        """Yield the loss of each pair that someone of this step has, and two patients in all."""
        for first, second in combinations(range(self.modalities), 2):
            both = there[:, first] & there[:, second]
            if int(both.sum()) > 1 and bool((now[:, first] & now[:, second]).any()):
                yield barlow(own[both, first], own[both, second], self.keys.redundancy)
