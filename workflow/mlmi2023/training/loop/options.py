"""Keys of ``train``: how long and how to train. Papers add their own keys to one of these."""

from typing import Literal

from mlmi2023.core.conditions import Amount, Count, Number, Positive, Share
from mlmi2023.core.options import Options


class Training(Options):
    """Keys of :class:`~mlmi2023.training.loop.plan.Schedule`, for papers that make their own optimiser."""

    steps: Count
    epoch_steps: Count
    batch: Count = 1
    learning_rate: Positive = 1e-4
    precision: Literal["32", "bf16", "16", 32, 16] = "32"
    monitor: str = ""
    mode: Literal["min", "max"] = "max"
    clip: Amount = 0.0
    workers: Number = 0

    def wrong(self) -> str:
        """Epochs must be whole."""
        if self.steps % self.epoch_steps:
            return f"steps ({self.steps}) must be a multiple of epoch_steps ({self.epoch_steps})"
        return ""


class OptimisedTraining(Training):
    """The same with the keys of :func:`~mlmi2023.training.loop.optimisers.build_optimiser`."""

    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: Amount = 0.0
    momentum: Share = 0.9
    nesterov: bool = False
    betas: tuple[Share, Share] = (0.9, 0.999)
    decay: Literal["constant", "poly", "cosine", "step"] = "constant"
    power: Positive = 0.9
    floor: Share = 0.0
    milestones: tuple[Share, ...] = ()
    gamma: Positive = 0.1
    warmup: Number = 0
