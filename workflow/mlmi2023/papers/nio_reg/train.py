"""Training of the learned methods on unlabelled pairs, with Adam (Sect. 3: at a constant rate).

Levels of a pyramid are trained from coarse to fine: first the coarsest alone, then the next on top, whose
predecessors rest for some steps. The loss is that of the finest level at work (Eq. 3); MPR and ULAE have the
losses of their own papers. All methods of a dataset see the same pairs in the same order and keep the weights
that do best on the same validation pairs.

Networks of several groups (chests, leave-one-out) are trained one after the other from the same start, each
with the whole schedule.
"""

import copy
from statistics import fmean
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.nets.registration.lapirn import LapIRN
from mlmi2023.papers.nio_reg.cases import Group, groups
from mlmi2023.papers.nio_reg.evaluate import volumes_of
from mlmi2023.papers.nio_reg.measures import quality
from mlmi2023.papers.nio_reg.networks import Kept, build_network, level_count
from mlmi2023.papers.nio_reg.objective import Objective
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.training.loop.optimisers import adam, rate_factor
from mlmi2023.training.loop.plan import Plan, Schedule
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure


class Draws(Dataset):
    """Numbers in [0, 1) by which the module picks pairs of the group at hand."""

    def __len__(self) -> int:
        """Return any number: items differ by the random state that they are fetched under."""
        return 1

    def __getitem__(self, index: int) -> Tensor:
        """Return a scalar."""
        return torch.rand(())


class Places(Dataset):
    """Running numbers of validation pairs."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        """Return the largest number of validation pairs of any group."""
        return self.count

    def __getitem__(self, index: int) -> int:
        """Return the number."""
        return index


class Training(pl.LightningModule):
    """Trains one network per group; ``net`` holds what is kept of them."""

    def __init__(self, net: Kept, found: list[Group], packed: Packed, job: Job) -> None:
        super().__init__()
        schedule = Schedule.from_config(job.train)
        self.net, self.groups, self.packed = net.requires_grad_(False), found, packed
        self.live = copy.deepcopy(net.nets[0]).requires_grad_(True)
        self.start = {name: value.clone() for name, value in self.live.state_dict().items()}
        self.objective = Objective(job.task["loss"])
        self.rate, self.epochs = schedule.learning_rate, schedule.steps // schedule.epoch_steps
        self.schedule = job.train
        self.epoch_steps = schedule.epoch_steps
        self.levels = level_count(self.live)
        self.begins = phase_starts(job.train, schedule.steps, self.levels)
        self.resting_steps = int(job.train.get("freeze_steps", 0))
        self.volumes = volumes_of(packed, job)
        self.tables: list[Tensor] = []
        self.scored: list[float] = []

    @property
    def group(self) -> int:
        """The number of the group at hand."""
        return min(self.current_epoch // self.epochs, len(self.groups) - 1)

    def _step(self, batch_idx: int) -> int:
        """Return how many steps of this group lie behind."""
        return self.current_epoch % self.epochs * self.epoch_steps + batch_idx

    def depth_at(self, step: int) -> int:
        """Return how many levels are at work at a step of a group."""
        return sum(step >= begin for begin in self.begins)

    def pair(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return moving and fixed images (B, 1, X, Y, Z) of rows (B, 2)."""
        return self.volumes.images(rows[:, 0], rows[:, 1], self.device)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Begin a group from the start, and let levels join, rest and wake."""
        step = self._step(batch_idx)
        if step == 0:
            self.live.load_state_dict(self.start)
        if step in self.begins:  # with a new level Adam begins anew
            self.trainer.optimizers[0].state.clear()
        if isinstance(self.live, LapIRN):
            depth = self.depth_at(step)
            resting = depth > 1 and step - self.begins[depth - 1] < self.resting_steps
            for number, level in enumerate(self.live.levels, start=1):
                level.requires_grad_(number == depth if resting else number <= depth)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of a batch of pairs."""
        if not self.tables:
            self.tables = [torch.tensor(group.train, device=self.device) for group in self.groups]
        table = self.tables[self.group]
        moving, fixed = self.pair(table[(batch.to(self.device) * len(table)).long()])
        if isinstance(self.live, LapIRN):
            u = self.live.fields(moving, fixed, depth=self.depth_at(self._step(batch_idx)))[-1]
            return self.objective(u, moving, fixed)
        return self.live.loss(moving, fixed)  # type: ignore[operator]

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Score one pair of the group at hand, or of every group before the first step: they start alike."""
        number = int(batch)
        for group in self.groups if self.trainer.sanity_checking else [self.groups[self.group]]:
            if number < len(group.val):
                self.scored.append(self.score(group.val[number]))

    def score(self, case: Pair) -> float:
        """Return the quality of the network at hand on a pair."""
        rows = torch.tensor([[case.moving, case.fixed]], device=self.device)
        u = self.live(*self.pair(rows))
        return quality(case, u[0].float().cpu().numpy(), self.packed)

    def on_validation_epoch_end(self) -> None:
        """Keep the weights if all levels have been at work and nothing before was better."""
        if self.scored:
            score = sum(self.scored) / len(self.scored)
            self.log("val_score", score)
            if self._finished() and not self.trainer.sanity_checking:
                self.net.keep(self.group, self.live, score)
        self.scored.clear()

    def on_train_epoch_end(self) -> None:
        """Keep the newest weights of a group that has no validation pairs."""
        if not self.groups[self.group].val and self._finished():
            self.net.nets[self.group].load_state_dict(self.live.state_dict())

    def _finished(self) -> bool:
        """Return whether the finest level has been at work in this epoch."""
        return self._step(self.epoch_steps - 1) >= self.begins[-1]

    def rate_at(self, step: int) -> float:
        """Return what the rate is multiplied by at a step that is counted over all groups."""
        return rate_factor(self.schedule, step % (self.epochs * self.epoch_steps))

    def configure_optimizers(self) -> Any:
        """Adam, at a constant rate or with what ``train.decay`` says."""
        optimiser = adam(self.live.parameters(), lr=self.rate)
        rate = torch.optim.lr_scheduler.LambdaLR(optimiser, self.rate_at)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": rate, "interval": "step"}}


def phase_starts(train: dict[str, Any], steps: int, levels: int) -> list[int]:
    """Return the step at which each level joins, from ``train.level_steps``: steps of all levels but the
    finest.

    Raises:
        InputError: the list does not fit the levels, or leaves the finest no step.
    """
    given = [int(n) for n in train.get("level_steps", [])] if levels > 1 else []
    if len(given) != levels - 1:
        raise InputError(
            f"config key train.level_steps has {len(given)} numbers; give {levels - 1}, one for each level "
            "but the finest"
        )
    begins = [sum(given[:n]) for n in range(levels)]
    if min([1, *given]) < 1 or begins[-1] >= steps:
        raise InputError(
            f"config key train.level_steps is {given}: each at least 1, all less than train.steps ({steps})"
        )
    return begins


def plan(job: Job) -> Plan:
    """Return module and pairs for one learned method.

    Args:
        job: ``task`` names pairs and loss, ``method_options.net`` the network.

    Raises:
        InputError: settings that do not belong together.
    """
    if job.train.get("monitor"):
        raise InputError(
            "config key train.monitor: leave it out; validation pairs decide on the weights of each group"
        )
    packed = open_cohort(job.data)
    found = groups(packed, job.task)
    net = build_network(job.method_options["net"], packed.shape)
    module = Training(Kept(net, len(found)), found, packed, job)
    most = max(len(group.val) for group in found)
    size = sum(p.numel() for p in net.parameters())
    measure = _measure(packed, found, module.objective, net)
    val = Places(most) if most else None
    return Plan(module, Draws(), val, repeats=len(found), parameters=size, measure=measure)


def _measure(
    packed: Packed, found: list[Group], objective: Objective, net: torch.nn.Module
) -> Measure | None:
    """Return what says whether networks have learned: quality on validation pairs over no registration.

    Without validation pairs it is the training loss, which ends at -1 + weight for Eq. 3; None: at 0.
    """
    cases = [case for group in found for case in group.val]
    if cases:
        still = np.zeros((3, *packed.shape), np.float32)
        distance = bool(cases[0].label) and packed.landmarks is not None
        return Measure(
            "val_score",
            ceiling=0.0 if distance else 1.0,
            floor=lambda: fmean(quality(case, still, packed) for case in cases),
        )
    if isinstance(net, LapIRN):
        return Measure(TRAIN_LOSS, "lower", ceiling=objective.weight - 1)
    return None
