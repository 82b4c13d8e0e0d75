"""What happens around the steps: seeding, speed, curves, an early out."""

import math
import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from mlmi2023.core.errors import InputError


class SeedEachEpoch(Callback):
    """Derive all random states from (seed, epoch): a run resumed at an epoch equals an unbroken one."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed Python, NumPy and torch."""
        pl.seed_everything(self.seed * 100_003 + trainer.current_epoch, verbose=False)


class StopOnNaN(Callback):
    """End the run with one line as soon as the loss is not finite.

    The loss is looked at every ``every`` steps only: each look waits for the GPU.
    """

    def __init__(self, every: int = 20) -> None:
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the loss now and then, and at the end of each epoch."""
        last = batch_idx + 1 == trainer.num_training_batches
        if last or batch_idx % self.every == 0:
            loss = float(outputs["loss"])
            if not math.isfinite(loss):
                raise InputError(
                    f"the loss is {loss} at step {trainer.global_step}; lower train.learning_rate, set "
                    "train.clip, or use train.precision 32"
                )


class Progress(Callback):
    """Print a line per epoch, gather the training curve and time the steps.

    Its state is part of the checkpoint, so that time and curve go on after a resume.
    """

    def __init__(self) -> None:
        self.curve: list[dict[str, float]] = []
        self.seconds = 0.0
        self.timed_steps = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock, keep the logged values, say where we are."""
        now = self._end
        self.seconds += now - self._start
        self.timed_steps += int(trainer.num_training_batches)
        values = {k: float(v) for k, v in trainer.callback_metrics.items()}
        self.curve.append({"step": self.timed_steps, **values})
        said = "  ".join(f"{k} {v:.4f}" for k, v in values.items())
        rate = self.timed_steps / max(self.seconds, 1e-9)
        steps = int(trainer.num_training_batches) * int(trainer.max_epochs or 1)
        print(f"step {self.timed_steps}/{steps}  {said}  {rate:.2f} steps/s", flush=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the time at the last step, before validation begins."""
        if batch_idx + 1 == trainer.num_training_batches:
            if torch.cuda.is_available() and pl_module.device.type == "cuda":
                torch.cuda.synchronize()
            self._end = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on from."""
        return {"curve": self.curve, "seconds": self.seconds, "timed_steps": self.timed_steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.curve = list(state_dict["curve"])
        self.seconds = float(state_dict["seconds"])
        self.timed_steps = int(state_dict["timed_steps"])
