"""How rows are filled in between thick slices: by interpolation, by a network at once, or from noise.

A filler takes a network, thick slices (M, H, W), their factor, the numbers (n,) of covered rows that are
wanted, and the name of the case; it returns rows (n, H, W) in [0, 1].
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.nets.generation.noise import NoiseMaker, keyed
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.nets.generation.sampling import sample
from mlmi2023.papers.hifi_diff.between import interpolate, nearest
from mlmi2023.papers.hifi_diff.deepresolve import ForEachFactor
from mlmi2023.papers.hifi_diff.samples import padded

Fill = Callable[[Any, Tensor, int, Tensor, str], Tensor]

#: fillers that need no network
INTERPOLATIONS = {"linear": interpolate, "nearest": nearest}


def interpolated(by: str) -> Fill:
    """Return the filler of an interpolation, ``linear`` or ``nearest``."""

    def fill(net: Any, stack: Tensor, factor: int, rows: Tensor, case: str) -> Tensor:
        return INTERPOLATIONS[by](stack[None], rows[None] / factor)[0]

    return fill


def regressed(net: nn.Module, stack: Tensor, factor: int, rows: Tensor, case: str) -> Tensor:
    """Fill by a network that answers at once: DeepResolve, MetaSR, ArSSR."""
    given = torch.tensor([float(factor)], device=stack.device)
    if isinstance(net, ForEachFactor):  # it sees all rows at once
        every = torch.arange(factor * (len(stack) - 1), device=stack.device)
        return net(stack[None], every[None] / factor, given)[0, rows].clamp(0, 1)
    return net(stack[None], rows[None] / factor, given)[0].clamp(0, 1)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Sampler:
    """Fill by diffusion: from noise to the row, given the thick slices around it.

    Attributes:
        process: forward process.
        steps: of DDIM.
        eta: 0: DDIM; 1: fresh noise in each step.
        noise: ``volume``: all rows of a volume begin with the same noise, so that neighbours differ by their
            offsets alone; ``slice``: each row begins with its own.
        seed: of the noise.
        batch: rows at once; results do not depend on it but for rounding.
    """

    process: Diffusion
    steps: int
    eta: float = 0.0
    noise: str = "volume"
    seed: int = 0
    batch: int = 16

    def __call__(self, net: Any, stack: Tensor, factor: int, rows: Tensor, case: str) -> Tensor:
        """Return the rows."""
        height, width = stack.shape[-2:]
        before, offset = rows // factor, (rows % factor) / factor
        pairs = padded(2 * torch.stack([stack[before], stack[before + 1]], dim=1) - 1, net.halvings)
        made = [
            self._run(net, *part, case)
            for part in zip(pairs.split(self.batch), offset.split(self.batch), rows.split(self.batch))
        ]
        return ((torch.cat(made)[:, 0, :height, :width] + 1) / 2).clamp(0, 1)

    def _run(self, net: Any, pairs: Tensor, offset: Tensor, rows: Tensor, case: str) -> Tensor:
        own = [keyed(self.seed, case, 0 if self.noise == "volume" else 1 + int(row)) for row in rows]
        draw, like = NoiseMaker({"kind": "gaussian"}), pairs[:, :1]
        start, conditions = draw(like, own), net.conditions(pairs, offset)
        return sample(
            self.process,
            lambda noisy, level: net.denoise(noisy, level, conditions),
            start,
            self.steps,
            self.eta,
            lambda: draw(like, own),
        )


def sampler_of(options: Mapping[str, Any], seed: int) -> Sampler:
    """Return the sampler that a method's keys ``process`` and ``sampler`` describe."""
    return Sampler(Diffusion(options["process"]), seed=seed, **options["sampler"])
