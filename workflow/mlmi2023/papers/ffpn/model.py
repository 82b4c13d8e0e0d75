"""FFPN (Sect. 2.1): Fourier coefficients regressed from anchor contours, each order by its pyramid level."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.feature_pyramid import STRIDES, Head, Trunk, cells, check_size, fused
from mlmi2023.papers.ffpn.efd import decode, extents
from mlmi2023.papers.ffpn.losses import COMPARED, class_loss, regression_loss
from mlmi2023.papers.ffpn.overlap import Polar, contour_iou
from mlmi2023.papers.ffpn.refinement import Refinement
from mlmi2023.papers.ffpn.truth import Found, Truth

#: points of an answer
DRAWN = 128
#: chance of a structure at an anchor before training
PRIOR = 0.01


class FFPN(nn.Module):
    """Fourier Feature Pyramid Network, with or without contour sampling refinement.

    Args:
        channels: of the image.
        classes: K structures.
        size: rows and columns of the image, multiples of 32.
        depths: of the ResNet, see :class:`~.trunk.Trunk`.
        width: of its stem.
        pyramid: channels of the pyramid's maps and of the heads.
        head: convolutions of a head before the last one.
        orders: which Fourier orders each level finds, from the coarsest level (P1) to the finest (P3).
        anchors: A base anchors.
        positive: overlap from which an anchor is to find a structure.
        negative: overlap below which it is to find none.
        negatives: anchors that learn to find none for each that finds something, about.
        polar: see :func:`~.overlap.polar_iou`.
        least: see :func:`~.efd.extents`.
        top: proposals of a structure that are kept.
        cut: score under which nothing is found.
        refine: arguments of :class:`~.refinement.Refinement`; None without.
    """

    anchors: Tensor

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        size: Sequence[int] = (416, 416),
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        pyramid: int = 256,
        head: int = 3,
        orders: Sequence[Sequence[int]] = ((1,), (2, 3), (4, 5, 6, 7)),
        anchors: int = 9,
        positive: float = 0.25,
        negative: float = 0.1,
        negatives: int = 20,
        polar: Polar = "printed",
        least: float = 0.005,
        top: int = 20,
        cut: float = 0.05,
        refine: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_size(size)
        self.size, self.classes, self.polar, self.least = tuple(size), classes, polar, least
        self.positive, self.negative, self.negatives = positive, negative, negatives
        self.top, self.cut = top, cut
        #: by level, fine to coarse, as maps come
        self.orders = [list(own) for own in reversed(orders)]
        count = sum(map(len, self.orders))
        if sorted(n for own in self.orders for n in own) != list(range(1, count + 1)):
            raise ValueError(f"orders {self.orders}: each from 1 to {count} belongs to one level")
        self.trunk = Trunk(channels, depths, width, pyramid)
        self.fourier = nn.ModuleList(Head(pyramid, 4 * anchors * len(own), head) for own in self.orders)
        self.place = nn.ModuleList(Head(pyramid, 2 * anchors, head) for _ in STRIDES)
        scores = [Head(pyramid, (classes + 1) * anchors, head) for _ in STRIDES]
        self.score = nn.ModuleList(scores)
        for own in scores:
            last = own[-1].get_parameter("bias").data.view(anchors, classes + 1)
            last[:, 0] = math.log(classes * (1 - PRIOR) / PRIOR)
        start = torch.zeros(anchors, count, 4)
        start[:, 0, 0] = start[:, 0, 3] = size[0] / 4
        self.register_buffer("anchors", start)
        #: N
        self.number = count
        self.refinement = (
            None if refine is None else Refinement(pyramid, len(STRIDES), size, count, polar, least, **refine)
        )

    def start(self, anchors: Tensor) -> None:
        """Take the base anchors (A, N, 4), of training contours alone."""
        self.anchors.copy_(anchors)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Return coefficients (B, M, N, 4), centres (B, M, 2), logits (B, M, 1 + K) at M anchors, and maps.

        Orders of the levels are put together; places and scores are the levels' means.
        """
        maps = fused(self.trunk(image))
        count, number = len(self.anchors), self.anchors.shape[1]
        parts = [
            self._spread(head(m), 4 * len(own)).unflatten(-1, (len(own), 4))
            for head, m, own in zip(self.fourier, maps, self.orders)
            if own
        ]
        order = [n - 1 for own in self.orders for n in own]
        offsets = torch.cat(parts, dim=2)[:, :, torch.tensor(order, device=image.device).argsort()]
        place = torch.stack([self._spread(head(m), 2) for head, m in zip(self.place, maps)]).mean(0)
        logits = torch.stack(
            [self._spread(head(m), 1 + self.classes) for head, m in zip(self.score, maps)]
        ).mean(0)
        wide = extents(self.anchors, self.least)
        shape = (len(maps[0]), -1, count, number)
        base = self.anchors + offsets.view(*shape, 4) * wide.repeat_interleave(2, -1)
        grid = cells(maps[0].shape[2:], STRIDES[0], image.device)[:, None]
        centre = grid + place.unflatten(1, (-1, count)) * wide[:, 0]
        return base.flatten(1, 2), centre.flatten(1, 2), logits, maps

    def _spread(self, found: Tensor, values: int) -> Tensor:
        """Return a head's answer (B, A values, h, w) by anchor, cell by cell: (B, h w A, values)."""
        return found.unflatten(1, (len(self.anchors), values)).permute(0, 3, 4, 1, 2).flatten(1, 3)

    def match(self, truth: Truth) -> tuple[Tensor, Tensor]:
        """Return for each anchor the structure that it is to find, (B, M), -1 for none, and its overlap.

        Where the overlap lies between both bounds the structure is -2: the anchor does not learn. Every
        structure keeps the anchor that fits it best.
        """
        with torch.no_grad():
            rows, columns = (side // STRIDES[0] for side in self.size)
            grid = cells((rows, columns), STRIDES[0], self.anchors.device)
            zero = torch.zeros(2, device=grid.device)
            base = decode(self.anchors, zero, COMPARED)
            anchors = (grid[:, None, None] + base).flatten(0, 1)
            step = truth.points.shape[2] // COMPARED
            points = truth.points[:, :, None, ::step]
            iou = contour_iou(anchors, points, truth.centre[:, :, None], self.polar)
            iou = torch.where(truth.there[..., None], iou, -1.0)
            best, structure = iou.max(dim=1)
            found = torch.where(best >= self.positive, structure, -2)
            found = torch.where(best < self.negative, -1, found)
            for k in range(self.classes):  # the last of several that share their best anchor keeps it
                own = F.one_hot(iou[:, k].argmax(-1), iou.shape[-1]).bool() & truth.there[:, k, None]
                found = torch.where(own, k, found)
            return found, best

    def losses(self, image: Tensor, truth: Truth) -> Tensor:
        """Return the loss of a batch: Eq. 3, and that of the refinement."""
        coefficients, centre, logits, maps = self(image)
        structure, _ = self.match(truth)
        found = structure >= 0
        item, anchor = found.nonzero(as_tuple=True)
        own = structure[item, anchor]
        true, true_centre = truth.coefficients[item, own], truth.centre[item, own]
        wide = extents(self.anchors, self.least)[anchor % len(self.anchors)]
        total = regression_loss(
            (coefficients[item, anchor], centre[item, anchor]), (true, true_centre), wide, self.polar
        )
        # about so many anchors that find nothing for each that finds something
        none = structure == -1
        chance = self.negatives * found.sum(1, keepdim=True) / none.sum(1, keepdim=True).clamp_min(1)
        learn = found | (none & (torch.rand_like(logits[..., 0]) < chance))
        total = total + class_loss(logits[learn], structure[learn].clamp_min(-1) + 1)
        if self.refinement is not None:
            proposals = self.proposals(coefficients.detach(), centre.detach(), logits.detach())
            total = total + self.refinement.loss(proposals, maps, truth)
        return total

    def proposals(
        self, coefficients: Tensor, centre: Tensor, logits: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return coefficients (B, K, T, N, 4), centres (B, K, T, 2), scores (B, K, T) of the best anchors."""
        scores = logits.softmax(-1)[..., 1:].transpose(1, 2)
        best, at = scores.topk(min(self.top, scores.shape[-1]), dim=-1)
        batch = torch.arange(len(at), device=at.device)[:, None, None]
        return coefficients[batch, at], centre[batch, at], best

    def found(self, image: Tensor) -> Found:
        """Return the best contour of each structure, refined where there is a refinement.

        Of what suppression of overlapping contours would leave, the best is the one with the highest score.
        """
        coefficients, centre, logits, maps = self(image)
        proposals = self.proposals(coefficients, centre, logits)
        if self.refinement is None:
            best, place, score = (values[:, :, 0] for values in proposals)
        else:
            best, place, score = self.refinement(proposals, maps, self.cut)
        return Found(torch.where(score >= self.cut, score, 0), decode(best, place, DRAWN))
