"""The fit of every test slice, many networks side by side (Sect. 2.1, Eqs. 1 and 2).

There is no training set. The items of a dataset (a slice and modality, or a slice with all modalities, at one
factor) are dealt into groups of ``train.batch``; a group is fitted for ``train.steps`` iterations, then the
next. Outcomes are recorded every ``train.record`` iterations. A killed run goes on within its group.

**Order of loss and replacement.** The loss takes the output as it is. Replacing its k-space first would make
the loss zero at once, whatever the output: all that the loss sees is what was replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.image import psnr_each
from mlmi2023.papers.dmdip.banked import reset
from mlmi2023.papers.dmdip.networks import build_bank
from mlmi2023.papers.dmdip.outcomes import Outcomes
from mlmi2023.papers.dmdip.slices import Slices, load_slices
from mlmi2023.papers.dmdip.stopping import Stop
from mlmi2023.physics.kspace import crop, replace
from mlmi2023.training.data.numbers import Counted
from mlmi2023.training.loop.optimisers import adam
from mlmi2023.training.loop.plan import Plan, Schedule

WEIGHTS, NOISE, JITTER = range(3)  # what random numbers are for


@dataclass(frozen=True)
class Item:
    """What one network is fitted to: a slice, at a factor, in some of the modalities (by their numbers)."""

    slice: int
    factor: int
    modalities: tuple[int, ...]

    def stream(self, seed: int, purpose: int, step: int = 0) -> int:
        """Return the seed of this item's random numbers: the same alone or beside any others."""
        key = [seed, self.slice, self.factor, *self.modalities, purpose, step]
        return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def deal(slices: Slices, modalities: str, size: int) -> list[list[Item]]:
    """Return the groups of items that are fitted side by side, of one factor each and at most ``size`` items.

    Args:
        slices: the data.
        modalities: ``alone`` (a network each) or ``together`` (one network, dual-modal).
        size: networks side by side.
    """
    if modalities not in ("alone", "together"):
        raise InputError(f"config key modalities is {modalities!r}; choose alone or together")
    every = range(len(slices.modalities))
    parts: Sequence[tuple[int, ...]] = [tuple(every)] if modalities == "together" else [(m,) for m in every]
    groups = []
    for r in slices.low:
        items = [Item(s, r, part) for s in range(len(slices)) for part in parts]
        count = -(-len(items) // size)
        width = -(-len(items) // count)  # groups of equal size waste least
        groups += [items[k : k + width] for k in range(0, len(items), width)]
    return groups


class Fit(pl.LightningModule):
    """Fits a bank of networks to one group of items after the other."""

    noise: Tensor
    low: Tensor
    truth: Tensor

    def __init__(
        self,
        slices: Slices,
        groups: list[list[Item]],
        options: dict[str, Any],
        train: dict[str, Any],
        seed: int,
    ) -> None:
        super().__init__()
        schedule = Schedule.from_config(train)
        shapes = set(slices.shape.values())
        if len(shapes) > 1:
            raise InputError("config key task.factors: one factor at a time where the output grows with it")
        shape, outputs = shapes.pop(), len(groups[0][0].modalities)
        self.slices, self.groups, self.settings, self.seed = slices, groups, train, seed
        self.epochs = schedule.steps // schedule.epoch_steps
        self.inputs, self.spread = int(options["net"]["inputs"]), float(options["noise"])
        self.jitter = float(options["jitter"])
        self.record = int(train.get("record", schedule.epoch_steps))
        if self.record < 1 or schedule.steps % self.record:
            raise InputError(
                f"config key train.record is {self.record}; train.steps ({schedule.steps}) must be a "
                "multiple of it"
            )
        self.net = Outcomes(slices, list(range(self.record, schedule.steps + 1, self.record)))
        width = max(map(len, groups))
        self.bank = build_bank(options["net"], width, outputs, shape)
        self.stop = Stop(options.get("stop", {}), (width, outputs, *shape))
        for name in ("noise", "low", "truth"):  # of the group at hand
            self.register_buffer(name, torch.empty(0), persistent=False)
        self.items: list[Item] = []

    @property
    def parameters_each(self) -> int:
        """Number of parameters of one network."""
        return sum(p.numel() for p in self.bank.parameters()) // max(map(len, self.groups))

    def open(self, group: int, fresh: bool) -> None:
        """Take up a group of items.

        Args:
            group: its number.
            fresh: draw new weights; else those at hand, such as a checkpoint's, go on.
        """
        own = self.groups[group]
        # a group that is smaller than the bank is filled up with items that are fitted and not kept
        width = max(map(len, self.groups))
        self.items = [own[k % len(own)] for k in range(width)]
        self.count = len(own)
        r = own[0].factor
        height, columns = self.slices.shape[r]
        random = torch.Generator()
        drawn = torch.empty(width, self.inputs, height, columns)
        for place, item in enumerate(self.items):
            random.manual_seed(item.stream(self.seed, NOISE))
            drawn[place] = torch.rand(drawn.shape[1:], generator=random) * self.spread
            if fresh:
                random.manual_seed(item.stream(self.seed, WEIGHTS))
                reset(self.bank, place, random)
        self.noise = drawn.to(self.device)
        self.low = self._of(self.slices.low[r])
        if self.slices.truth is not None:
            self.truth = self._of(self.slices.truth)
        if fresh:
            self.stop.restart()

    def _of(self, images: Tensor) -> Tensor:
        """Return the items' images of (S, M, ...), (N, modalities of an item, ...) on the device."""
        return torch.stack([images[i.slice, list(i.modalities)] for i in self.items]).to(self.device)

    def on_train_epoch_start(self) -> None:
        """Take up the group whose turn it is; Adam forgets the one before."""
        group, epoch = divmod(self.current_epoch, self.epochs)
        self.open(group, fresh=epoch == 0)
        if epoch == 0:
            self.trainer.optimizers[0].state.clear()

    def loss(self, noise: Tensor) -> Tensor:
        """Return the sum over items and modalities of |d(f(z)) - x|^2, a mean over pixels each.

        Networks share nothing, so the gradient of each is that of its own loss.
        """
        output = self.bank(noise).float()
        return (crop(output, self.low.shape[2:]) - self.low).square().mean((2, 3)).sum()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of one iteration; the batch only counts."""
        if not self.items:  # outside of a trainer
            self.open(0, fresh=True)
        step = self._step(batch_idx)
        loss = self.loss(self.noise + self.jitter * self._jitter(step) if self.jitter else self.noise)
        self.log("loss", loss.detach() / len(self.items), on_step=False, on_epoch=True, batch_size=1)
        return loss

    def _step(self, batch_idx: int) -> int:
        """Return how many iterations of this group lie behind."""
        return self.current_epoch % self.epochs * int(self.settings["epoch_steps"]) + batch_idx

    def _jitter(self, step: int) -> Tensor:
        """Return normal noise of each item and iteration, like ``noise``."""
        random = torch.Generator(self.device)
        drawn = torch.empty_like(self.noise)
        for place, item in enumerate(self.items):
            random.manual_seed(item.stream(self.seed, JITTER, step))
            drawn[place].normal_(generator=random)
        return drawn

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record the outcomes now and then; what is logged is their PSNR, a mean since the last line."""
        number, rest = divmod(self._step(batch_idx) + 1, self.record)
        if not rest:
            with torch.no_grad():
                self._record(self.bank(self.noise).float(), number - 1)

    def _record(self, output: Tensor, number: int) -> None:
        """Keep the outputs (N, modalities, H, W) that the rule wants, and how good all of them are."""
        kept = self.stop.keep(output, number)
        r = self.items[0].factor
        quality = {}
        if self.slices.truth is not None:
            for name, image in (("psnr", output), ("psnr_kr", replace(output, self.low))):
                each = psnr_each(image.flatten(0, 1), self.truth.flatten(0, 1), 1.0)
                quality[name] = each.view(image.shape[:2])
                self.log(name, each.mean(), on_step=False, on_epoch=True, batch_size=1)
        for place, item in enumerate(self.items[: self.count]):
            for channel, modality in enumerate(item.modalities):
                where = (item.slice, modality)
                for name, values in quality.items():
                    self.net.get(name, r)[number][where] = values[place, channel]
                # no question to the device: both sides are computed there
                new, old = output[place, channel], self.net.get("image", r)[where]
                take = kept[place, channel]
                self.net.get("image", r)[where] = torch.where(take, new, old)
                mark, before = self.net.get_buffer("iterations")[number], self.net.get("kept", r)[where]
                self.net.get("kept", r)[where] = torch.where(take, mark, before)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate (Sect. 2.1, Implementation Details)."""
        return adam(self.bank.parameters(), lr=float(self.settings["learning_rate"]))


def plan(job: Job) -> Plan:
    """Return the fit of all test slices; the schedule is repeated for every group of them."""
    slices = load_slices(job.data, job.task)
    options = job.method_options
    groups = deal(slices, options["modalities"], int(job.train.get("batch", 1)))
    module = Fit(slices, groups, options, job.train, job.seed)
    each = module.parameters_each
    return Plan(module, Counted(len(slices)), repeats=len(groups), parameters=each)
