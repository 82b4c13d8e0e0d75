"""The way back from noise, by DDIM's and DDPM's steps, under noise that is given.

MONAI's scheduler does the step; it draws fresh noise for a whole batch at once, though, and an image's result
would hang on its neighbours. So the noise of a step is added here.
"""

from collections.abc import Callable

import torch
from monai.networks.schedulers import DDIMScheduler
from torch import Tensor

from mlmi2023.nets.generation.process import Diffusion

#: takes x_t (B, ...) and levels (B,), returns the network's answer; conditions are bound to it
Denoise = Callable[[Tensor, Tensor], Tensor]


def stepped(
    scheduler: DDIMScheduler, answer: Tensor, level: int, noisy: Tensor, eta: float, noise: Tensor | None
) -> Tensor:
    """Return x at the level before (Song et al., DDIM, Eq. 12).

    Args:
        scheduler: of :meth:`~mlmi2023.nets.generation.process.Diffusion.scheduler`.
        answer: the network's at x_t.
        level: t.
        noisy: x_t.
        eta: 0: without fresh noise; 1: DDPM's step with the posterior's variance.
        noise: fresh noise of variance 1; None where eta is 0.
    """
    found, clean = scheduler.step(answer, level, noisy, eta=0.0)
    before = level - scheduler.num_train_timesteps // scheduler.num_inference_steps
    if noise is None or before < 0:
        return found  # type: ignore[no-any-return]
    kept, kept_before = scheduler.alphas_cumprod[level], scheduler.alphas_cumprod[before]
    variance = eta**2 * (1 - kept_before) / (1 - kept) * (1 - kept / kept_before)
    mean = kept_before.sqrt() * clean
    # the direction towards x_t gives way to the fresh noise
    direction = (found - mean) * ((1 - kept_before - variance).clamp_min(0) / (1 - kept_before)).sqrt()
    return mean + direction + variance.sqrt() * noise  # type: ignore[no-any-return]


@torch.no_grad()
def sample(
    process: Diffusion,
    denoise: Denoise,
    noise: Tensor,
    steps: int,
    eta: float = 0.0,
    fresh: Callable[[], Tensor] | None = None,
) -> Tensor:
    """Return images that are made from noise, (B, ...).

    Args:
        process: the forward process that the network has learned to go back.
        denoise: the network.
        noise: x at the last level, T - 1.
        steps: network evaluations; a divisor of T.
        eta: 0: DDIM, which maps noise to images one to one; 1: DDPM, ancestral sampling where steps are T.
        fresh: gives the noise of a step, (B, ...); needed where ``eta`` is not 0.

    Raises:
        InputError: ``steps`` does not divide T.
        ValueError: ``eta`` is not 0 and nothing gives fresh noise.
    """
    if eta and fresh is None:
        raise ValueError("eta is not 0: give fresh noise")
    scheduler, noisy = process.scheduler(steps), noise.float()
    for level in scheduler.timesteps.tolist():
        levels = torch.full((len(noisy),), level, dtype=torch.long, device=noisy.device)
        answer = denoise(noisy, levels).float()
        drawn = fresh() if eta and fresh is not None else None
        noisy = stepped(scheduler, answer, level, noisy, eta, drawn)
    return noisy


@torch.no_grad()
def one_step(process: Diffusion, denoise: Denoise, clean: Tensor, noise: Tensor, level: int) -> Tensor:
    """Return the estimate of x_0 after noising an image to ``level`` once, (B, ...)."""
    levels = torch.full((len(clean),), level, dtype=torch.long, device=clean.device)
    noisy = process.noised(clean, noise, levels)
    return process.clean(denoise(noisy, levels).float(), noisy, levels)
