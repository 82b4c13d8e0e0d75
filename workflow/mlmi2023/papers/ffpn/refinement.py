"""Contour sampling refinement, CSR (Sect. 2.2, Fig. 4): similar proposals averaged, then corrected once."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.nets.blocks.feature_pyramid import read_at
from mlmi2023.papers.ffpn.efd import decode, extents
from mlmi2023.papers.ffpn.losses import COMPARED, regression_loss
from mlmi2023.papers.ffpn.overlap import Polar, contour_iou
from mlmi2023.papers.ffpn.truth import Truth


class Refinement(nn.Module):
    """Merge the proposals of a structure, read features around the merged contour, regress what it lacks.

    Args:
        width: channels of a map.
        levels: maps.
        size: rows and columns of the image.
        orders: N.
        polar: see :func:`~.overlap.polar_iou`.
        least: see :func:`~.efd.extents`.
        features: channels of the map that is read.
        hidden: of the perceptron's two inner layers.
        points: k places on the contour; the centre is one more.
        bins: a place's box is read in bins x bins parts.
        close: overlap from which proposals belong together.
        weight: of the refinement's loss.
    """

    def __init__(
        self,
        width: int,
        levels: int,
        size: Sequence[int],
        orders: int,
        polar: Polar = "printed",
        least: float = 0.005,
        features: int = 64,
        hidden: Sequence[int] = (1024, 512),
        points: int = 16,
        bins: int = 2,
        close: float = 0.7,
        weight: float = 0.2,
    ) -> None:
        super().__init__()
        self.size, self.orders, self.polar, self.least = tuple(size), orders, polar, least
        self.points, self.bins, self.close, self.weight = points, bins, close, weight
        self.fuse = nn.Sequential(
            nn.Conv2d(levels * width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, features, 3, padding=1),
            nn.ReLU(),
        )
        sides = [(points + 1) * bins * bins * features, *hidden]
        layers: list[nn.Module] = []
        for below, above in itertools.pairwise(sides):
            layers += [nn.Linear(below, above), nn.ReLU()]
        last = nn.Linear(sides[-1], 4 * orders + 2)
        nn.init.normal_(last.weight, std=0.001)
        nn.init.zeros_(last.bias)
        self.perceptron = nn.Sequential(*layers, last)

    def merged(
        self, proposals: tuple[Tensor, Tensor, Tensor], cut: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the mean contour M_c of each structure's closest group, and how many are in it.

        The group is that of the proposal which most others overlap with by more than ``close``; of several,
        the one with the highest score.

        Args:
            proposals: coefficients (B, K, T, N, 4), centres (B, K, T, 2), scores (B, K, T), best first.
            cut: score under which a proposal does not count; the best always does.

        Returns:
            coefficients (B, K, N, 4), centres (B, K, 2), mean scores (B, K) and sizes (B, K).
        """
        coefficients, centre, score = proposals
        points = decode(coefficients, centre, COMPARED)
        one, other = points[:, :, :, None], points[:, :, None]
        iou = contour_iou(one, other, centre[:, :, :, None], self.polar)
        counts = score >= cut
        counts = counts | (torch.arange(score.shape[-1], device=score.device) == 0)
        near = (iou > self.close) & counts[:, :, None] & counts[..., None]
        near = near | (torch.eye(score.shape[-1], device=score.device).bool() & counts[..., None])
        hub = near.sum(-1).argmax(-1)  # the first of several, which has the highest score
        group = near.gather(2, hub[..., None, None].expand(-1, -1, 1, near.shape[-1]))[:, :, 0].float()
        share = group / group.sum(-1, keepdim=True)
        return (
            (coefficients * share[..., None, None]).sum(2),
            (centre * share[..., None]).sum(2),
            (score * share).sum(2),
            group.sum(-1),
        )

    def correct(self, coefficients: Tensor, centre: Tensor, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return what M_c (B, K, N, 4), (B, K, 2) becomes by the features around it."""
        batch, structures = coefficients.shape[:2]
        places = torch.cat([decode(coefficients, centre, self.points), centre[..., None, :]], dim=2)
        around = decode(coefficients, centre, COMPARED)
        box = (around.amax(2) - around.amin(2)) / self.points
        ticks = (torch.arange(self.bins, device=box.device) + 0.5) / self.bins - 0.5
        offset = torch.stack(torch.meshgrid(ticks, ticks, indexing="ij"), -1).flatten(0, 1)
        at = places[..., None, :] + offset * box[:, :, None, None]
        read = read_at(self.fuse(torch.cat(list(maps), dim=1)), at.flatten(1, 3), self.size)
        moved = self.perceptron(read.reshape(batch, structures, -1))
        wide = extents(coefficients, self.least)
        offsets, away = moved[..., :-2].unflatten(-1, (self.orders, 4)), moved[..., -2:]
        return coefficients + offsets * wide.repeat_interleave(2, -1), centre + away * wide[..., 0, :]

    def forward(
        self, proposals: tuple[Tensor, Tensor, Tensor], maps: Sequence[Tensor], cut: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return refined coefficients (B, K, N, 4), centres (B, K, 2) and scores (B, K)."""
        coefficients, centre, score, _ = self.merged(proposals, cut)
        return (*self.correct(coefficients, centre, maps), score)

    def loss(self, proposals: tuple[Tensor, Tensor, Tensor], maps: Sequence[Tensor], truth: Truth) -> Tensor:
        """Return L_Fou + L_Loc + L_Con of the refined contours; M_c takes the anchors' place.

        Where no two proposals agree the true contour is refined instead, from which nothing is to be changed.
        """
        coefficients, centre, _, count = self.merged(proposals, 0.0)
        alone = count < 2
        coefficients = torch.where(alone[..., None, None], truth.coefficients, coefficients)
        centre = torch.where(alone[..., None], truth.centre, centre)
        refined, place = self.correct(coefficients, centre, maps)
        there = truth.there
        wide = extents(coefficients, self.least)[there]
        found, true = (refined[there], place[there]), (truth.coefficients[there], truth.centre[there])
        return self.weight * regression_loss(found, true, wide, self.polar)
