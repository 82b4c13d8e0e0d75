"""The module that trains a diffusion network; its validation is the task's own metric, not the loss."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.nets.generation.noise import NoiseMaker
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.training.loop.ema import average_in, average_of


@dataclass
class Example:
    """A training batch.

    Attributes:
        clean: (B, C, *grid), what is to be found, in -1 to 1.
        start: the image that noise is laid on; None: ``clean``.
        condition: by name, what the network is given besides.
        noisy_in: (B, 1, *grid), 1 where noise is laid; elsewhere the network sees ``start`` itself. None:
            everywhere.
        weight: (B, 1, *grid) of the loss; None: 1 everywhere.
    """

    clean: Tensor
    start: Tensor | None = None
    condition: dict[str, Any] = field(default_factory=dict)
    noisy_in: Tensor | None = None
    weight: Tensor | None = None


#: takes a batch as the loader gives it, on the device
Source = Callable[[Mapping[str, Tensor]], Example]
#: takes the network and a validation batch; returns sums of the metrics and, under ``count``, their number
Validate = Callable[[nn.Module, Mapping[str, Tensor]], Mapping[str, Tensor]]


class Denoiser(pl.LightningModule):
    """A network learns to find the clean image, or the noise, at levels that are drawn evenly.

    With ``ema`` in the config the kept network ``net`` is the average of the trained one; both are part of
    the module's state, so that a run that was killed goes on with both.

    Args:
        net: (x_t, t, **condition) -> answer.
        process: forward process.
        noise: of the noise.
        train: the ``train`` slice of the config: keys of the optimiser and ``ema`` (decay; 0: none).
        source: module that makes an :class:`Example` of a batch.
        validate: measures the kept network on a validation batch. Items of the validation data set are whole
            batches: their tensors have the batch axis first.
        power: 1: the loss is the mean absolute error, 2: the mean squared error.
    """

    def __init__(
        self,
        net: nn.Module,
        process: Diffusion,
        noise: NoiseMaker,
        train: Mapping[str, Any],
        source: nn.Module,
        validate: Validate | None = None,
        power: int = 1,
    ) -> None:
        super().__init__()
        self.settings = dict(train)
        self.decay = float(self.settings.get("ema", 0.0))
        if self.decay:
            self.live, self.net = net, average_of(net)
        else:
            self.net = net
        self.process, self.noise, self.source = process, noise, source
        self.measure, self.power = validate, power
        self._sums: dict[str, Tensor] = {}

    def on_fit_start(self) -> None:
        """Choose the layout of maps in memory that convolutions in the plane like on a GPU."""
        if self.device.type == "cuda":
            for net in {self.net, self.trained}:
                if all(weight.dim() <= 4 for weight in net.parameters()):
                    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def trained(self) -> nn.Module:
        """The network that takes the optimiser's steps."""
        return self.live if self.decay else self.net

    def loss(self, example: Example) -> Tensor:
        """Return the mean error of the network's answer, at levels and under noise that are drawn."""
        clean = example.clean
        start = clean if example.start is None else example.start
        level = torch.randint(self.process.steps, (len(clean),), device=clean.device)
        noise = self.noise(clean)
        noisy = self.process.noised(start, noise, level)
        if example.noisy_in is not None:
            noisy = torch.where(example.noisy_in > 0, noisy, start)
        answer = self.trained(noisy, level, **example.condition)
        error = (answer.float() - self.process.target(clean, noise, level)).abs() ** self.power
        if example.weight is None:
            return error.mean()
        weight = example.weight.expand_as(error)
        return (error * weight).sum() / weight.sum().clamp_min(1)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        return self.loss(self.source(batch))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Let the average follow."""
        if self.decay:
            average_in(self.net, self.live, self.decay, self.global_step)

    def on_validation_epoch_start(self) -> None:
        """Begin to sum."""
        self._sums = {}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Sum what is measured, on the device."""
        if self.measure is None:
            return
        found = self.measure(self.net, {key: value[0] for key, value in batch.items()})
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=value.device)) + value

    def on_validation_epoch_end(self) -> None:
        """Log the means."""
        sums = dict(self._sums)
        count = sums.pop("count", None)
        for name, value in sums.items():
            self.log(name, value / count)  # type: ignore[operator]

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        return build_optimiser(self.trained.parameters(), self.settings)
