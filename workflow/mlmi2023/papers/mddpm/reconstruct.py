"""What a method believes a healthy slice would look like: x of |z - x| (Sect. 3.2)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.nets.generation.noise import NoiseMaker, keyed
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.nets.generation.sampling import one_step
from mlmi2023.papers.mddpm.networks import build
from mlmi2023.papers.mddpm.options import Window
from mlmi2023.papers.mddpm.patched import windows
from mlmi2023.tasks.generation import over_slices
from mlmi2023.tasks.generation.slices import Key
from mlmi2023.tasks.runs import ready, start

#: slices (B, 1, H, W) in [0, 1] and their keys -> healthy ones, the same shape
Reconstruct = Callable[[Tensor, list[Key]], Tensor]


class OneStep:
    """One estimate at t_fix, for DDPM, pDDPM and mDDPM alike; nothing is masked.

    Args:
        method: the method's options.
        seed: of the run; with a slice's key it fixes the noise.
    """

    def __init__(self, method: dict[str, Any], seed: int) -> None:
        self.process = Diffusion(method.get("process"))
        self.noise = NoiseMaker(method["noise"])
        self.level, self.draws = int(method.get("level", 500)), int(method.get("draws", 1))
        self.window = options(Window, method["patch"], "config", "patch") if method.get("patch") else None
        self.seed = seed

    def __call__(self, net: nn.Module, image: Tensor, keys: list[Key]) -> Tensor:
        """Return the mean estimate over the draws, (B, 1, H, W) in [0, 1]."""
        clean = 2 * image - 1
        total = torch.zeros_like(clean)
        for draw in range(self.draws):
            noise = self.noise(clean, [keyed(self.seed, f"{case}/{draw}", place) for case, place in keys])
            total += self._estimate(net, clean, noise)
        return ((total / self.draws + 1) / 2).clamp(0, 1)

    def _estimate(self, net: nn.Module, clean: Tensor, noise: Tensor) -> Tensor:
        if self.window is None:
            return one_step(self.process, net, clean, noise, self.level)
        level = torch.full((len(clean),), self.level, dtype=torch.long, device=clean.device)
        noisy = self.process.noised(clean, noise, level)
        total, weight = torch.zeros_like(clean), torch.zeros_like(clean)
        for mask in windows(self.window, (int(clean.shape[2]), int(clean.shape[3]))):
            own = mask.to(clean.device)
            given = torch.where(own > 0, noisy, clean)
            total += own * self.process.clean(net(given, level).float(), given, level)
            weight += own
        return total / weight

    def noised(self, image: Tensor, keys: list[Key]) -> Tensor:
        """Return the noised slice in the place of an estimate, (B, 1, H, W) in [0, 1]."""
        clean = 2 * image - 1
        noise = self.noise(clean, [keyed(self.seed, f"{case}/0", place) for case, place in keys])
        level = torch.full((len(clean),), self.level, dtype=torch.long, device=clean.device)
        return ((self.process.noised(clean, noise, level) + 1) / 2).clamp(0, 1)


def reconstruction(job: Job, weights: Path | None, size: tuple[int, int]) -> Reconstruct:
    """Return how a job's method reconstructs slices of a size.

    Raises:
        InputError: weights are missing, broken or of another network.
    """
    method = job.method_options
    if method["kind"] == "noise":
        device = start(job)
        step = OneStep(method, job.seed)
        return lambda image, keys: step.noised(image.to(device), keys)
    net, device = ready(job, lambda: build(job, size), weights)
    answer = OneStep(method, job.seed) if method["model"] == "diffusion" else None

    @torch.no_grad()
    def run(image: Tensor, keys: list[Key]) -> Tensor:
        moved = image.to(device)
        return answer(net, moved, keys) if answer else net.healthy(moved)  # type: ignore[operator, no-any-return]

    return run


def over_heads(
    job: Job, cases: Iterable[tuple[str, np.ndarray]], size: int, run: Reconstruct
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each head's reconstruction (S, H, W), from slices (S, H, W) of any number of heads.

    Networks that read a head's slices as a sequence get one head at a time.
    """
    if job.method_options.get("model") == "svae":
        for name, slices in cases:
            image = torch.from_numpy(slices.astype(np.float32))[:, None]
            yield name, run(image, [(name, place) for place in range(len(slices))])[:, 0].cpu().numpy()
        return
    yield from over_slices(cases, size, lambda batch, keys: run(batch[:, None], keys)[:, 0])
