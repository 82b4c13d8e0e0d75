"""The forward process, and what a network's answer says of the clean image; levels are MONAI's."""

from collections.abc import Mapping
from typing import Any

import torch
from monai.networks.schedulers import DDIMScheduler
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.nets.generation.options import Process

#: MONAI's names of what a network predicts and of schedules
PREDICTS = {"noise": "epsilon", "clean": "sample", "velocity": "v_prediction"}
SCHEDULES = {"cosine": "cosine", "linear": "linear_beta"}


class Diffusion:
    """x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise, with a_t the product of 1 - beta up to level t.

    Args:
        keys: of :class:`~mlmi2023.nets.generation.options.Process`.

    Attributes:
        keys: the same, complete.
        kept: (T,) float32, a_t.
    """

    def __init__(self, keys: Mapping[str, Any] | None = None) -> None:
        self.keys = options(Process, keys, "config", "process")
        betas: dict[str, Any] = dict(zip(("beta_start", "beta_end"), self.keys.betas))
        self._made = (SCHEDULES[self.keys.schedule], betas if self.keys.schedule == "linear" else {})
        self.kept = self.scheduler(1).alphas_cumprod.clone()

    @property
    def steps(self) -> int:
        """T."""
        return int(self.keys.steps)

    def scheduler(self, steps: int) -> DDIMScheduler:
        """Return MONAI's scheduler for so many steps on the way back.

        Its levels begin at T - 1 and are T / steps apart, so that each step ends where the next begins and
        the last ends at the clean image.

        Raises:
            InputError: T is no multiple of ``steps``.
        """
        if not 1 <= steps <= self.steps or self.steps % steps:
            raise InputError(
                f"{steps} sampling steps do not divide the {self.steps} levels of the process; "
                "choose a divisor"
            )
        name, betas = self._made
        made = DDIMScheduler(
            self.steps,
            name,
            clip_sample=self.keys.clip,
            prediction_type=PREDICTS[self.keys.predicts],
            **betas,
        )
        made.set_timesteps(steps)
        made.timesteps = torch.arange(self.steps - 1, -1, -(self.steps // steps))
        return made

    def noised(self, clean: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return x_t.

        Args:
            clean: (B, ...) x_0, in -1 to 1.
            noise: the same shape, mean 0 and variance 1.
            level: (B,) int64.
        """
        kept = self._kept(level, clean)
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def target(self, clean: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return what the network's answer should be; arguments of :meth:`noised`."""
        kept = self._kept(level, clean)
        if self.keys.predicts == "clean":
            return clean
        return noise if self.keys.predicts == "noise" else kept.sqrt() * noise - (1 - kept).sqrt() * clean

    def clean(self, answer: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
        """Return the estimate of x_0 that an answer at x_t stands for, (B, ...)."""
        kept = self._kept(level, noisy)
        if self.keys.predicts == "clean":
            found = answer
        elif self.keys.predicts == "noise":
            found = (noisy - (1 - kept).sqrt() * answer) / kept.sqrt()
        else:
            found = kept.sqrt() * noisy - (1 - kept).sqrt() * answer
        return found.clamp(-1, 1) if self.keys.clip else found

    def _kept(self, level: Tensor, like: Tensor) -> Tensor:
        kept = self.kept.to(like.device)[level]
        return kept.view(-1, *([1] * (like.ndim - 1)))
