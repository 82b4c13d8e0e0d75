"""PolarMask (Xie et al. 2020), from its description: contours as lengths of rays from a point inside.

Cells of three pyramid levels near a structure's centre of mass score it, say how central they are, and
regress the lengths of 36 rays; heads are shared by the levels, of which a structure's size picks one.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.feature_pyramid import STRIDES, Trunk, cells, check_size
from mlmi2023.papers.ffpn.shared_head import SharedHead
from mlmi2023.papers.ffpn.truth import Found, Truth


class PolarMask(nn.Module):
    """The network.

    Args:
        channels: of the image.
        classes: K structures.
        size: rows and columns of the image, multiples of 32.
        depths: of the ResNet.
        width: of its stem.
        pyramid: channels of the pyramid and of heads.
        head: convolutions of a head before the last one.
        rays: R.
        levels: longest ray, pixels, of the structures that each level but the coarsest finds.
        radius: cells so many strides from the centre of mass learn.
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
        rays: int = 36,
        levels: Sequence[float] = (64.0, 128.0),
        radius: float = 1.5,
        cut: float = 0.05,
    ) -> None:
        super().__init__()
        check_size(size)
        self.size, self.classes, self.rays, self.cut = tuple(size), classes, rays, cut
        self.levels, self.radius = tuple(levels), radius
        self.trunk = Trunk(channels, depths, width, pyramid)
        self.score, self.centrality = SharedHead(pyramid, classes, head), SharedHead(pyramid, 1, head)
        self.length = SharedHead(pyramid, rays, head)
        self.scale = nn.Parameter(torch.full((len(STRIDES),), float(size[0]) / 8).log())
        nn.init.constant_(self.score[-1].bias, -4.6)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return logits (B, M, K), centralities (B, M), lengths (B, M, R), places (M, 2), levels (M,)."""
        maps = self.trunk(image)
        flat = [
            [head(m).flatten(2).transpose(1, 2) for m in maps]
            for head in (self.score, self.centrality, self.length)
        ]
        lengths = [(own.clamp(-6, 6) + scale).exp() for own, scale in zip(flat[2], self.scale)]
        grid = [cells(m.shape[2:], stride, image.device) for m, stride in zip(maps, STRIDES)]
        level = torch.cat([torch.full((len(own),), n, device=image.device) for n, own in enumerate(grid)])
        return (
            torch.cat(flat[0], 1),
            torch.cat(flat[1], 1)[..., 0],
            torch.cat(lengths, 1),
            torch.cat(grid),
            level,
        )

    def losses(self, image: Tensor, truth: Truth) -> Tensor:
        """Return focal loss, polar IoU loss and the loss of centrality."""
        logits, central, lengths, grid, level = self(image)
        mass = masses(truth)
        long = torch.linalg.vector_norm(truth.points - mass[:, :, None], dim=-1).amax(-1)
        bounds = torch.tensor(self.levels, device=image.device)
        own_level = torch.bucketize(long, bounds)
        stride = torch.tensor(STRIDES, device=image.device, dtype=grid.dtype)[level]
        apart = grid - mass[:, :, None]
        fits = (level == own_level[..., None]) & truth.there[..., None]
        near = fits & (apart.abs().amax(-1) < self.radius * stride)
        learn = shared_out(near, apart.square().sum(-1).masked_fill(~fits, torch.inf), long)
        count = learn.sum().clamp_min(1)
        loss = focal(logits, learn.transpose(1, 2).to(logits.dtype)).sum() / count
        item, structure, cell = learn.nonzero(as_tuple=True)
        true = rays_to(truth.points[item, structure], grid[cell], self.rays)
        found = lengths[item, cell]
        ratio = torch.maximum(found, true).sum(-1) / torch.minimum(found, true).sum(-1)
        wanted = (true.amin(-1) / true.amax(-1)).sqrt()
        loss = loss + (wanted * ratio.log()).sum() / wanted.sum().clamp_min(1e-6)
        return loss + F.binary_cross_entropy_with_logits(central[item, cell], wanted)

    def found(self, image: Tensor) -> Found:
        """Return the contour of the cell with the highest score times centrality for each structure."""
        logits, central, lengths, grid, _ = self(image)
        score, best = (logits.sigmoid() * central.sigmoid()[..., None]).sqrt().max(dim=1)
        batch = torch.arange(len(best), device=best.device)[:, None]
        ends = directions(self.rays, image.device) * lengths[batch, best][..., None]
        return Found(torch.where(score >= self.cut, score, 0), grid[best][:, :, None] + ends)


def shared_out(near: Tensor, apart: Tensor, long: Tensor) -> Tensor:
    """Return which structure each cell learns: at most one, and of several the smallest.

    Of a structure that gets no cell so, the nearest that is left learns, since one cell has one set of rays.

    Args:
        near: (B, K, M) bool, cells that may learn a structure.
        apart: (B, K, M), how far they are from it; inf where they cannot find it at all.
        long: (B, K), its size.

    Returns:
        (B, K, M) bool.
    """
    learn = torch.zeros_like(near)
    taken = torch.zeros_like(near[:, 0])
    batch = torch.arange(len(near), device=near.device)
    for structure in long.argsort(dim=1).T:
        own = near[batch, structure] & ~taken
        left, nearest = apart[batch, structure].masked_fill(taken, torch.inf).min(-1)
        alone = ~own.any(-1) & left.isfinite()
        own = own | (F.one_hot(nearest, near.shape[-1]).bool() & alone[:, None])
        learn[batch, structure] = own
        taken = taken | own
    return learn


def masses(truth: Truth) -> Tensor:
    """Return the centres of mass of all structures, (B, K, 2), by Green's theorem on their contours."""
    p, q = truth.points, truth.points.roll(-1, dims=2)
    cross = p[..., 0] * q[..., 1] - q[..., 0] * p[..., 1]
    area = cross.sum(-1, keepdim=True).clamp_min(1e-6)
    return ((p + q) * cross[..., None]).sum(2) / (3 * area)


def directions(count: int, device: torch.device) -> Tensor:
    """Return unit vectors (R, 2); the first points right, and they go round clockwise."""
    angle = 2 * torch.pi * torch.arange(count, device=device) / count
    return torch.stack([angle.cos(), angle.sin()], -1)


def rays_to(points: Tensor, places: Tensor, count: int, least: float = 0.5) -> Tensor:
    """Return lengths (M, R) of rays from places (M, 2) to the farthest crossing with contours (M, P, 2).

    A ray that does not cross has the least length, as the authors do it.
    """
    direction = directions(count, points.device)
    first = points - places[:, None]
    last = first.roll(-1, dims=1)
    one, other = (
        direction[:, :1] * p[:, None, :, 1] - direction[:, 1:] * p[:, None, :, 0] for p in (first, last)
    )
    crosses = (one <= 0) != (other <= 0)
    share = one / torch.where(crosses, one - other, 1)
    along = torch.einsum("rk,mpk->mrp", direction, first)
    along = along + share * torch.einsum("rk,mpk->mrp", direction, last - first)
    return torch.where(crosses, along, 0).amax(-1).clamp_min(least)


def focal(logits: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return the focal loss (Lin et al. 2017) of each logit."""
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = (-entropy).exp()
    return (alpha * target + (1 - alpha) * (1 - target)) * (1 - right) ** gamma * entropy
