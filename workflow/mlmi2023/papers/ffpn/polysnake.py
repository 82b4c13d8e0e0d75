"""PolySnake (Feng et al. 2023), from its description: a contour that a recurrent network moves, step by step.

A heat map has its peaks at the centres of structures, where a first contour is regressed. A gated recurrent
unit of circular convolutions then reads features at the contour's points and moves them, several times over;
a last step reads finer features.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.feature_pyramid import STRIDES, Head, Trunk, cells, check_size, read_at
from mlmi2023.papers.ffpn.polarmask import masses
from mlmi2023.papers.ffpn.truth import Found, Truth


class Circular(nn.Sequential):
    """A convolution around the contour, whose ends meet, with normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int, reach: int = 4) -> None:
        super().__init__(
            nn.Conv1d(inputs, outputs, 2 * reach + 1, padding=reach, padding_mode="circular", bias=False),
            nn.BatchNorm1d(outputs),
            nn.ReLU(),
        )


class CircularGRU(nn.Module):
    """A gated recurrent unit over the points of a contour."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()

        def around() -> nn.Module:
            return nn.Conv1d(inputs + hidden, hidden, 5, padding=2, padding_mode="circular")

        self.update, self.reset, self.new = around(), around(), around()

    def forward(self, state: Tensor, read: Tensor) -> Tensor:
        """Return the next state (M, hidden, P)."""
        both = torch.cat([state, read], dim=1)
        update, reset = self.update(both).sigmoid(), self.reset(both).sigmoid()
        new = torch.tanh(self.new(torch.cat([reset * state, read], dim=1)))
        return (1 - update) * state + update * new


class PolySnake(nn.Module):
    """The network.

    Args:
        channels: of the image.
        classes: K structures.
        size: rows and columns of the image, multiples of 32.
        depths: of the ResNet.
        width: of its stem.
        pyramid: channels of the pyramid and of heads.
        head: convolutions of a head before the last one.
        points: P of the contour.
        steps: of the recurrent unit.
        hidden: channels of its state.
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
        points: int = 128,
        steps: int = 6,
        hidden: int = 128,
        cut: float = 0.05,
    ) -> None:
        super().__init__()
        check_size(size)
        self.size, self.points, self.steps, self.cut = tuple(size), points, steps, cut
        self.unit = size[0] / 8
        self.trunk = Trunk(channels, depths, width, pyramid)
        self.heat, self.first = Head(pyramid, classes, head), Head(pyramid, 2 * points, head)
        nn.init.constant_(self.heat[-1].bias, -4.6)  # type: ignore[arg-type]
        self.state = Circular(pyramid + 2, hidden)
        self.read = Circular(pyramid + 2, hidden)
        self.unit_of_time = CircularGRU(hidden, hidden)
        self.move = nn.Conv1d(hidden, 2, 1)
        nn.init.normal_(self.move.weight, std=0.001)
        finer = self.trunk.encoder.channels[0] + self.trunk.encoder.channels[1]
        self.fine = nn.Sequential(Circular(finer + hidden + 2, hidden), nn.Conv1d(hidden, 2, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return logits of the heat map (B, K, h, w), first contours (B, M, P, 2) of all cells, and maps.

        The maps are the finest of the pyramid and the two finest of the ResNet.
        """
        features = self.trunk.encoder(image)
        finest = self.trunk.pyramid(dict(enumerate(features[-3:])))[0]
        grid = cells(finest.shape[2:], STRIDES[0], image.device)
        offsets = self.first(finest).flatten(2).transpose(1, 2).unflatten(-1, (self.points, 2))
        return self.heat(finest), grid[:, None] + self.unit * offsets, [finest, features[1], features[0]]

    def moved(self, contour: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the contours (M, P, 2) after each step; maps (M, C, h, w) are of each one's own image."""
        state = self._around(self.state, contour, maps[:1])
        found = []
        for _ in range(self.steps):
            state = self.unit_of_time(state, self._around(self.read, contour.detach(), maps[:1]))
            contour = contour + self.unit * self.move(state).transpose(1, 2)
            found.append(contour)
        fine = self._around(self.fine, contour.detach(), maps[1:], state)
        found.append(contour + 0.1 * self.unit * fine.transpose(1, 2))
        return found

    def _around(
        self, layer: nn.Module, contour: Tensor, maps: Sequence[Tensor], more: Tensor | None = None
    ) -> Tensor:
        read = [read_at(m, contour, self.size).transpose(1, 2) for m in maps]
        shape = (contour - contour.mean(1, keepdim=True)).transpose(1, 2) / self.unit
        return layer(torch.cat([*read, shape, *([] if more is None else [more])], dim=1))

    def losses(self, image: Tensor, truth: Truth) -> Tensor:
        """Return the loss of the heat map, of the first contour and of every later one, the last most."""
        logits, first, maps = self(image)
        mass = masses(truth)
        heat, cell = self._peaks(mass, truth, logits.shape[2:])
        chance = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
        peak = heat == 1
        entropy = torch.where(
            peak,
            (1 - chance) ** 2 * chance.log(),
            (1 - heat) ** 4 * chance**2 * (1 - chance).log(),
        )
        loss = -entropy.sum() / peak.sum().clamp_min(1)
        item, structure = truth.there.nonzero(as_tuple=True)
        step = truth.points.shape[2] // self.points
        true = truth.points[item, structure, ::step]
        start = first[item, cell[item, structure]]
        contours = [start, *self.moved(start.detach(), [m[item] for m in maps])]
        for back, contour in enumerate(reversed(contours)):
            loss = loss + 0.8**back * F.smooth_l1_loss(contour / self.unit, true / self.unit, beta=0.1)
        return loss

    def _peaks(self, mass: Tensor, truth: Truth, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the wanted heat map (B, K, h, w), 1 at each structure's middle cell, and these cells."""
        grid = cells(shape, STRIDES[0], mass.device)
        apart = (grid - mass[:, :, None]).square().sum(-1)
        cell = apart.argmin(-1)
        spread = (truth.points.amax(2) - truth.points.amin(2)).prod(-1).clamp_min(1).sqrt() / 10
        heat = torch.exp(-apart / (2 * spread[..., None] ** 2)).clamp_max(0.999)
        heat = torch.where(F.one_hot(cell, len(grid)).bool(), 1.0, heat) * truth.there[..., None]
        return heat.unflatten(-1, tuple(shape)), cell

    def found(self, image: Tensor) -> Found:
        """Return the contour that begins at the highest peak of each structure."""
        logits, first, maps = self(image)
        score, best = logits.sigmoid().flatten(2).max(dim=-1)
        batch, structures = best.shape
        item = torch.arange(batch, device=best.device).repeat_interleave(structures)
        start = first[item, best.flatten()]
        contour = self.moved(start, [m[item] for m in maps])[-1]
        return Found(torch.where(score >= self.cut, score, 0), contour.unflatten(0, (batch, structures)))
