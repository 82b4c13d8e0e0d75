"""What happens around the steps: seeding, speed, curves, an early out."""

import math
import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from mlmi2023.core.errors import InputError
from mlmi2023.training.loop.status import TRAIN_LOSS


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

    ``loss`` is the mean over an epoch of what the steps return, summed up here: Lightning's logging takes a
    tenth of a small network's step.

    The curve begins with step 0, before the first step: the validation that Lightning does for a check. Where
    nothing is validated it holds ``train_loss``: at step 0 the loss of the first step, a mean over repeats
    of the schedule, then means over ``every`` steps each.

    Its state is part of the checkpoint, so that time and curve go on after a resume.

    Args:
        steps: of one repeat of the schedule.
        every: steps that a mean of the training loss is taken over; 0: the loss is not gathered.
    """

    def __init__(self, steps: int, every: int = 0) -> None:
        self.curve: list[dict[str, float]] = []
        self.seconds = 0.0
        self.timed_steps = 0
        self.steps, self.every = steps, every
        self._losses: list[torch.Tensor] = []
        self._sum: torch.Tensor | float = 0.0

    def on_sanity_check_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep what validation says of the network before its first step."""
        self.curve.append({"step": 0, **_values(trainer)})

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._sum = 0.0
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock, keep the logged values, say where we are."""
        now = self._end
        self.seconds += now - self._start
        self.timed_steps += int(trainer.num_training_batches)
        values = {"loss": float(self._sum) / int(trainer.num_training_batches), **_values(trainer)}
        row = self.curve[-1] if self.curve and self.curve[-1]["step"] == self.timed_steps else {}
        if not row:
            self.curve.append(row)
        row.update({"step": self.timed_steps, **values})
        said = "  ".join(f"{k} {v:.4f}" for k, v in values.items())
        rate = self.timed_steps / max(self.seconds, 1e-9)
        steps = int(trainer.num_training_batches) * int(trainer.max_epochs or 1)
        print(f"step {self.timed_steps}/{steps}  {said}  {rate:.2f} steps/s", flush=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the time at the last step, before validation begins, and the loss of every step."""
        last = batch_idx + 1 == trainer.num_training_batches
        self._sum = self._sum + outputs["loss"].detach().float()
        if self.every:
            self._gather(outputs, self.timed_steps + batch_idx + 1, last)
        if last:
            if torch.cuda.is_available() and pl_module.device.type == "cuda":
                torch.cuda.synchronize()
            self._end = time.perf_counter()

    def _gather(self, outputs: Any, done: int, last: bool) -> None:
        """Keep the loss of the step after which ``done`` steps are done; ``last`` of its epoch."""
        self._losses.append(outputs.get(TRAIN_LOSS, outputs["loss"]).detach())
        repeat, before = divmod(done - 1, self.steps)
        if before == 0:
            first = float(self._losses[0])
            if repeat == 0:
                self.curve.append({"step": 0, TRAIN_LOSS: first})
            elif self.curve[0]["step"] == 0:
                self.curve[0][TRAIN_LOSS] += (first - self.curve[0][TRAIN_LOSS]) / (repeat + 1)
        if last or len(self._losses) == self.every:
            self.curve.append({"step": done, TRAIN_LOSS: float(torch.stack(self._losses).mean())})
            self._losses.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on from."""
        return {"curve": self.curve, "seconds": self.seconds, "timed_steps": self.timed_steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.curve = list(state_dict["curve"])
        self.seconds = float(state_dict["seconds"])
        self.timed_steps = int(state_dict["timed_steps"])


def _values(trainer: pl.Trainer) -> dict[str, float]:
    """Return what has been logged, by name."""
    return {name: float(value) for name, value in trainer.callback_metrics.items()}
