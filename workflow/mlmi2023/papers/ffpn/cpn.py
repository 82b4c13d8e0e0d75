"""Contour Proposal Network (Upeschulte et al. 2022), from its description: Fourier contours of one map.

Every cell of one feature map scores each structure and regresses the coefficients of all orders at once and
the contour's centre; a field over the image then moves contour points by some pixels, several times over.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.feature_pyramid import STRIDES, Head, Trunk, cells, check_size, read_at
from mlmi2023.papers.ffpn.efd import decode
from mlmi2023.papers.ffpn.truth import Found, Truth

#: points of contours in training and of an answer
COMPARED, DRAWN = 32, 128


class CPN(nn.Module):
    """The network.

    Args:
        channels: of the image.
        classes: K structures.
        size: rows and columns of the image, multiples of 32.
        depths: of the ResNet.
        width: of its stem.
        pyramid: channels of the pyramid and of heads.
        head: convolutions of a head before the last one.
        orders: N, all of one map.
        refinements: times that points are moved.
        reach: pixels that they are moved at most each time.
        cut: score under which nothing is found.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        size: Sequence[int] = (416, 416),
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        pyramid: int = 256,
        head: int = 3,
        orders: int = 7,
        refinements: int = 4,
        reach: float = 3.0,
        cut: float = 0.05,
    ) -> None:
        super().__init__()
        check_size(size)
        self.size, self.classes, self.orders = tuple(size), classes, orders
        self.refinements, self.reach, self.cut = refinements, reach, cut
        #: pixels of one unit of what is regressed
        self.unit = size[0] / 8
        self.trunk = Trunk(channels, depths, width, pyramid)
        self.score = Head(pyramid, 1 + classes, head)
        self.place = Head(pyramid, 2, head)
        self.fourier = Head(pyramid, 4 * orders, head)
        self.field = Head(pyramid, 2, head)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return logits (B, M, 1 + K), coefficients (B, M, N, 4), centres (B, M, 2), field (B, 2, H, W)."""
        finest = self.trunk(image)[0]
        flat = [head(finest).flatten(2).transpose(1, 2) for head in (self.score, self.fourier, self.place)]
        grid = cells(finest.shape[2:], STRIDES[0], image.device)
        up = F.interpolate(finest, scale_factor=2, mode="bilinear", align_corners=False)
        field = F.interpolate(self.field(up), size=list(self.size), mode="bilinear", align_corners=False)
        coefficients = self.unit * flat[1].unflatten(-1, (self.orders, 4))
        return flat[0], coefficients, grid + self.unit * flat[2], self.reach * torch.tanh(field)

    def refined(self, points: Tensor, field: Tensor) -> Tensor:
        """Return points (B, M, P, 2) moved along the field (B, 2, H, W)."""
        for _ in range(self.refinements):
            moved = read_at(field, points.flatten(1, 2).detach(), self.size)
            points = points + moved.view_as(points)
        return points

    def losses(self, image: Tensor, truth: Truth) -> Tensor:
        """Return the loss of a batch; every cell inside a structure learns its contour."""
        logits, coefficients, centre, field = self(image)
        step = STRIDES[0]
        target = truth.labels[:, step // 2 :: step, step // 2 :: step].flatten(1)
        inside = (target > 0) & truth.there.gather(1, (target - 1).clamp_min(0))
        loss = F.cross_entropy(logits.transpose(1, 2), torch.where(inside, target, 0))
        item, cell = inside.nonzero(as_tuple=True)
        if not len(item):
            return loss
        true = truth.points[item, target[item, cell] - 1, :: truth.points.shape[2] // COMPARED]
        points = decode(coefficients[item, cell], centre[item, cell], COMPARED)
        loss = loss + F.smooth_l1_loss(points / self.unit, true / self.unit, beta=0.1)
        # of every structure one contour is refined, that of its middle-most cell
        each = truth.there.nonzero()
        best = self._middle(truth, centre, each)
        start = decode(coefficients[each[:, 0], best], centre[each[:, 0], best], COMPARED).detach()
        moved = self.refined(start[:, None], field[each[:, 0]])[:, 0]
        own = truth.points[each[:, 0], each[:, 1], :: truth.points.shape[2] // COMPARED]
        return loss + F.smooth_l1_loss(moved / self.unit, own / self.unit, beta=0.1)

    def _middle(self, truth: Truth, centre: Tensor, each: Tensor) -> Tensor:
        """Return the cell whose contour lies nearest to each structure's centre."""
        apart = centre[each[:, 0]] - truth.centre[each[:, 0], each[:, 1]][:, None]
        return apart.detach().square().sum(-1).argmin(-1)

    def found(self, image: Tensor) -> Found:
        """Return the contour of the cell that scores highest for each structure, refined."""
        logits, coefficients, centre, field = self(image)
        score, best = logits.softmax(-1)[..., 1:].max(dim=1)
        batch = torch.arange(len(best), device=best.device)[:, None]
        points = decode(coefficients[batch, best], centre[batch, best], DRAWN)
        return Found(torch.where(score >= self.cut, score, 0), self.refined(points, field))
