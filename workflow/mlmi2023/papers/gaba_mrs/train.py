"""Training of the pipelines, on simulations and on scans; both are validated on scans (Sect. 2.3)."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.gaba_mrs.inputs import network_input, scale
from mlmi2023.papers.gaba_mrs.losses import RegionLoss
from mlmi2023.papers.gaba_mrs.model import RdcUNet2d
from mlmi2023.papers.gaba_mrs.options import Learned
from mlmi2023.papers.gaba_mrs.options import RdcUNet2d as RdcOptions
from mlmi2023.papers.gaba_mrs.scans import Quarters, Scans
from mlmi2023.papers.gaba_mrs.simulations import Simulated
from mlmi2023.papers.gaba_mrs.unet1d import UNet1d
from mlmi2023.training.data.numbers import Chunks
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure
from mlmi2023.training.loop.weights import load_weights

#: channels of an input, by its form
CHANNELS = {"sub": 4, "diff": 2}
#: simulated pairs that validate, and how far their seed lies from that of those that train
HELD, APART = 16, 10_000
#: keys of a method that the chain reads
CHAIN = ("uses", "stages", "train")


def method_of(given: Mapping[str, Any]) -> Learned:
    """Return a learned method's keys."""
    return options(Learned, {key: v for key, v in given.items() if key not in CHAIN}, "config", "methods")


def build(own: Learned, pairs: int, points: int) -> nn.Module:
    """Return a pipeline's network: (B, C, P, K) to (B, P).

    Args:
        own: its keys.
        pairs: K, of transients.
        points: P, of a spectrum.

    Raises:
        InputError: the spectrum cannot be halved so often, or there are too few transients.
    """
    poolings = len(own.net.widths) - 1
    if points % 2**poolings:
        raise InputError(
            f"spectra of {points} points cannot be halved {poolings} times; set the cohort's 'read.axis' "
            f"to a multiple of {2**poolings} points"
        )
    channels = CHANNELS[own.input]
    if isinstance(own.net, RdcOptions):
        return RdcUNet2d(channels, pairs, own.net.chains, own.net.filters, own.net.widths)
    return UNet1d(channels, pairs, own.net.widths, own.net.kernel)


def plan(job: Job) -> Plan:
    """Return module and samples of one stage of a pipeline.

    Raises:
        InputError: the cohort does not serve, or nobody validates.
    """
    scans, own = Scans(job), method_of(job.method_options)
    net = build(own, scans.task.pairs, scans.cohort.points)
    if job.previous is not None:
        load_weights(net, job.previous)
    rows = scans.cohort.rows("val")
    train: Simulated | Quarters
    held: dict[str, Tensor] | None = None
    if job.stage == "pretrain":
        train = simulated(scans, job.seed)
        held = simulated(scans, job.seed + APART, HELD).batch(APART)
    else:
        train = Quarters(scans)
    module = Pipeline(net, own.input, scans, job.train, held)
    measure = Measure("val_loss", "lower", ceiling=module.best, floor=module.unseeing)
    if held is not None:
        # by what it is trained on: of scans, which are another domain, it may learn nothing
        measure = Measure("val_simulated", "lower", ceiling=0.0, floor=module.unseeing_held)
    return Plan(
        module,
        train,
        Chunks({"row": np.array(rows, int)}, scans.task.val_batch) if rows else None,
        measure=measure if rows else None,
    )


def simulated(scans: Scans, seed: int, pairs: int | None = None) -> Simulated:
    """Return simulated pairs like a cohort's scans, as many as the task says or ``pairs``."""
    how = scans.task.simulated
    how = type(how)(**{**vars(how), "pairs": pairs or how.pairs})
    return Simulated(how, scans.task.pairs, scans.axis, scans.task.broadening, seed)


class Pipeline(pl.LightningModule):
    """A network from transients to the difference spectrum.

    Args:
        net: (B, C, P, K) to (B, P).
        form: of its input.
        scans: whose validation scans are looked at.
        train: the schedule and the optimiser's keys.
        held: a batch of simulated pairs that are looked at as well.
    """

    def __init__(
        self,
        net: nn.Module,
        form: str,
        scans: Scans,
        train: Mapping[str, Any],
        held: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.net, self.form, self.scans, self.settings = net, form, scans, train
        self.loss = RegionLoss(scans.ppm)
        self.register_buffer("naa", torch.from_numpy(scans.naa), persistent=False)
        self.held = held

    def found(self, on: Tensor, off: Tensor) -> tuple[Tensor, Tensor]:
        """Return spectra (B, P) in heights of NAA, and these (B,), of transients (B, K, P) complex."""
        height = scale(off, self.get_buffer("naa"))
        by = height[:, None, None]
        return self.net(network_input(on / by, off / by, self.form)), height

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the mean loss of a batch."""
        found, height = self.found(batch["on"], batch["off"])
        return self.loss(found, batch["target"] / height[:, None]).mean()  # type: ignore[no-any-return]

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_loss`` of scans, on the pairs that they would be tested on."""
        rows = batch["row"][0].tolist()
        found, height = self.found(*(part.to(self.device) for part in self.scans.tested_on(rows)))
        wanted = torch.from_numpy(np.stack([self.scans.target(row) for row in rows])).float().to(self.device)
        each = self.loss(found, wanted / height[:, None])
        self.log("val_loss", each.mean(), batch_size=len(rows))

    def on_validation_epoch_end(self) -> None:
        """Log ``val_simulated``, the loss of held-out simulations, where there are such."""
        if self.held is not None:
            batch = {name: value.to(self.device) for name, value in self.held.items()}
            with torch.no_grad():
                self.log("val_simulated", self.training_step(batch, 0))

    def unseeing_held(self) -> float:
        """Return the loss of held-out simulations for their own mean, which looks at no transient."""
        assert self.held is not None
        naa = torch.from_numpy(self.scans.naa)
        wanted = self.held["target"] / scale(self.held["off"], naa)[:, None]
        loss = RegionLoss(self.scans.ppm)
        return float(loss(wanted.mean(0, keepdim=True).expand_as(wanted), wanted).mean())

    def _loss_of(self, answers: Mapping[int, np.ndarray]) -> float:
        """Return the mean loss of answers in heights of NAA, (P,) each, by validation scan."""
        loss = RegionLoss(self.scans.ppm).double()
        each = []
        for row, answer in answers.items():
            wanted = self.scans.target(row) / self.scans.height(row)
            each.append(
                float(loss(torch.from_numpy(answer)[None].double(), torch.from_numpy(wanted)[None].double()))
            )
        return float(np.mean(each))

    def unseeing(self) -> float:
        """Return the loss of the mean target, which looks at no transient."""
        mean = self.scans.mean_target()
        return self._loss_of(dict.fromkeys(self.scans.cohort.rows("val"), mean))

    def best(self) -> float:
        """Return the loss of the noise-free spectrum, since targets have noise; 0 where it is not known."""
        rows = self.scans.cohort.rows("val")
        truths = {
            row: truth / self.scans.height(row)
            for row in rows
            if (truth := self.scans.truth(row)) is not None
        }
        return self._loss_of(truths) if truths else 0.0

    def configure_optimizers(self) -> Any:
        """All weights learn."""
        return build_optimiser(self.net.parameters(), self.settings)
