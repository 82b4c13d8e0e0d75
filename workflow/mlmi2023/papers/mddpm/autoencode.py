"""Modules that train the baselines that are no diffusion: autoencoders, and f-AnoGAN in two stages."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.mddpm.anogan import FAnoGanNets, sliced_distance
from mlmi2023.papers.mddpm.autoencoders import DenoisingUnet
from mlmi2023.papers.mddpm.heads import Drawn, Heads, HealthySlices, brain_error
from mlmi2023.papers.mddpm.networks import build
from mlmi2023.training.data.numbers import Chunks, Counted
from mlmi2023.training.loop.optimisers import adam, build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure
from mlmi2023.training.loop.weights import load_weights


class Sequences(Dataset):
    """Runs of consecutive slices of a head, both drawn evenly."""

    def __init__(self, slices: HealthySlices, count: int) -> None:
        self.first, self.count = slices.first, count
        shortest = min(b - a for a, b in zip(self.first, self.first[1:]))
        if shortest < count:
            raise InputError(
                f"config key slices of method svae is {count}, a head has {shortest} slices; lower it"
            )

    def __len__(self) -> int:
        return len(self.first) - 1

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        low, high = self.first[index], self.first[index + 1]
        start = low + int(torch.randint(high - low - self.count + 1, ()))
        return {"row": torch.arange(start, start + self.count)}


class Autoencoding(pl.LightningModule):
    """VAE, sequential VAE, denoising autoencoder, or the encoder of f-AnoGAN.

    Args:
        net: with ``loss`` and ``healthy``.
        slices: to train on.
        val: to validate on; whole heads are reconstructed where the network reads sequences.
        train: the ``train`` slice of the config.
    """

    def __init__(
        self, net: nn.Module, slices: HealthySlices, val: HealthySlices, train: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.net, self.slices, self.val, self.settings = net, slices, val, dict(train)
        self._sum, self._count = 0.0, 0

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch of slices, or of sequences of them."""
        image, brain = self.slices.take(batch["row"])
        if isinstance(self.net, FAnoGanNets):
            # neither generator nor critic moves, nor do their statistics
            self.net.generator.eval()
            return self.net.encoder_loss(image)
        if isinstance(self.net, DenoisingUnet):
            return self.net.loss(image, brain)
        return self.net.loss(image)  # type: ignore[operator, no-any-return]

    def on_validation_epoch_start(self) -> None:
        """Begin to sum."""
        self._sum, self._count = 0.0, 0

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Sum the errors of reconstructed slices, those that ``chosen`` names where there are more."""
        row = batch["row"][0]
        image, brain = self.val.take(row)
        error = brain_error(image, self.net.healthy(image), brain)  # type: ignore[operator]
        if "chosen" in batch:
            error = error[batch["chosen"][0]]
        self._sum += float(error.sum())
        self._count += len(error)

    def on_validation_epoch_end(self) -> None:
        """Log the mean."""
        self.log("val_error", torch.tensor(self._sum / max(self._count, 1)))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for, over what is trained."""
        part = self.net.encoder if isinstance(self.net, FAnoGanNets) else self.net
        return build_optimiser(part.parameters(), self.settings)


class WholeHeads(Dataset):
    """Every validation head as one batch, with the slices of it that are looked at."""

    def __init__(self, val: HealthySlices, rows: Any) -> None:
        wanted = set(map(int, rows))
        spans = zip(val.first, val.first[1:])
        self.items = []
        for low, high in spans:
            chosen = [row - low for row in range(low, high) if row in wanted]
            if chosen:
                self.items.append({"row": torch.arange(low, high), "chosen": torch.tensor(chosen)})

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.items[index]


def plan_autoencoder(
    job: Job, heads: Heads, slices: HealthySlices, val: HealthySlices, measure: Measure
) -> Plan:
    """Return module and samples of a VAE, a sequential VAE, a denoising autoencoder or an encoder.

    Raises:
        InputError: the encoder of f-AnoGAN is asked for without its generator.
    """
    net, method = build(job, slices.size), job.method_options
    if method["model"] == "fanogan":
        if job.previous is None:
            raise InputError(f"method '{job.method}': stage main needs stage gan; add it under 'stages'")
        load_weights(net, job.previous)
        for part in (net.generator, net.critic):
            part.requires_grad_(False)  # type: ignore[operator]
    module = Autoencoding(net, slices, val, job.train)
    rows = val.some(heads.task.val_slices)
    if method["model"] == "svae":
        return Plan(
            module, Sequences(slices, int(method.get("slices", 16))), WholeHeads(val, rows), measure=measure
        )
    chunks = Chunks({"row": rows}, heads.task.batch)
    return Plan(module, Drawn(len(slices.keys)), chunks, measure=measure)  # type: ignore[arg-type]


class Adversarial(pl.LightningModule):
    """First stage of f-AnoGAN: the critic takes a step on every batch, the generator on every few."""

    rows: Tensor
    shown: Tensor

    def __init__(
        self,
        net: FAnoGanNets,
        slices: HealthySlices,
        val: HealthySlices,
        rows: Tensor,
        train: Mapping[str, Any],
        critics: int,
        rate: float,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net, self.slices, self.val, self.settings = net, slices, val, dict(train)
        self.critics, self.rate = critics, rate
        self.register_buffer("rows", rows, persistent=False)
        draw = torch.Generator().manual_seed(0)
        self.register_buffer("shown", torch.randn(len(rows), net.latent, generator=draw), persistent=False)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Take the steps; return the critic's loss."""
        real, _ = self.slices.take(batch["row"])
        of_generator, of_critic = self.optimizers()  # type: ignore[misc, attr-defined]
        with torch.no_grad():
            made = self.net.made(self.net.codes(len(real), real.device))
        loss = self.net.critic_loss(real, made)
        of_critic.zero_grad()
        self.manual_backward(loss)
        of_critic.step()
        if (batch_idx + 1) % self.critics == 0:
            fooled = -self.net.critic(self.net.made(self.net.codes(len(real), real.device))).mean()
            of_generator.zero_grad()
            self.manual_backward(fooled)
            of_generator.step()
        return {"loss": loss.detach()}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log how far made slices are from validation slices, as sets."""
        real, _ = self.val.take(self.rows)
        self.log("val_distance", sliced_distance(self.net.made(self.shown), real), batch_size=1)

    def configure_optimizers(self) -> Any:
        """Return Adam for each, as WGAN-GP has it."""
        return [
            adam(part.parameters(), lr=self.rate, betas=(0.0, 0.9))
            for part in (self.net.generator, self.net.critic)
        ]


def plan_fanogan(job: Job, heads: Heads, slices: HealthySlices, val: HealthySlices) -> Plan:
    """Return module and samples of the GAN; the ceiling is the distance of as many training slices."""
    net = build(job, slices.size)
    assert isinstance(net, FAnoGanNets)
    rows = torch.from_numpy(val.some(heads.task.val_slices))
    like = torch.from_numpy(slices.some(len(rows)))[: len(rows)]
    rows = rows[: len(like)]
    method = job.method_options
    module = Adversarial(
        net, slices, val, rows, job.train, int(method.get("critics", 5)), float(method.get("gan_rate", 1e-4))
    )

    def ceiling() -> float:
        return float(sliced_distance(slices.take(like)[0], val.take(rows)[0]))

    measure = Measure("val_distance", "lower", ceiling=ceiling)
    return Plan(module, Drawn(len(slices.keys)), Counted(1), measure=measure)
