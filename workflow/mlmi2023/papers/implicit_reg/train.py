"""Training of the learned methods: Eq. 1 or Eq. 3, with the settings of ``config/papers``.

All methods of a dataset share pairs, order, similarity, budget and the rule that keeps weights. The
candidates of a method's grid search are trained side by side on the same pairs; each keeps its best
validated epoch.
"""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.volumes.pairs import pairs
from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.fields.displacement import warp
from mlmi2023.losses.overlap import soft_dice
from mlmi2023.papers.implicit_reg.candidates import Candidates, build_candidates
from mlmi2023.papers.implicit_reg.losses import build_regularizer
from mlmi2023.papers.implicit_reg.objective import Objective
from mlmi2023.papers.implicit_reg.smoothness import std_log_jacobian
from mlmi2023.training.data.volume_store import VolumeStore
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.registration import one_hot, registration_measure


class Pairs(Dataset):
    """Index pairs (moving, fixed) into the packed cohort; the module fetches the volumes itself."""

    def __init__(self, found: list[tuple[int, int]]) -> None:
        self.found = found

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: int) -> dict[str, int]:
        moving, fixed = self.found[index]
        return {"moving": moving, "fixed": fixed}


class Registration(pl.LightningModule):
    """Trains the candidates of one method; ``net`` holds what is kept of them.

    Gradients are taken one candidate at a time, so memory does not grow with their number; Adam treats every
    weight by itself, so one optimiser for all is as good as one for each.
    """

    def __init__(self, net: Candidates, regularisers: list[dict[str, Any]], packed: Packed, job: Job) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net = net.requires_grad_(False)
        self.live = torch.nn.ModuleList(
            c.requires_grad_(True) for c in Candidates(net.nets[0], len(net.nets)).nets
        )
        self.regularisers = [build_regularizer(options) for options in regularisers]
        self.packed, self.task, self.settings = packed, job.task, job.train
        self.objective = Objective(job.task, packed)
        self.stores: dict[str, VolumeStore] = {}
        self.validated: list[tuple[int, Tensor, Tensor]] = []

    def _take(self, batch: dict[str, Tensor], labels: bool) -> tuple[Tensor, Tensor]:
        """Return the moving and the fixed images, or label maps, of a batch."""
        found = []
        for role in ("moving", "fixed"):
            name = "labels" if labels else self.task[role]
            if name not in self.stores:
                volumes = self.packed.labels if labels else self.packed.images(name)
                assert volumes is not None
                self.stores[name] = VolumeStore(volumes, self.device)
            store = self.stores[name]
            found.append(store.take(batch[role], torch.int16) if labels else store.take(batch[role]))
        return found[0], found[1]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Do one step of every candidate on one batch of pairs."""
        images = self._take(batch, labels=False)
        maps = self._take(batch, labels=True) if self.objective.dice else None
        if self.task.get("augment") == "flips":
            axes = [axis for axis in (2, 3, 4) if torch.rand(1).item() < 0.5]
            images = images[0].flip(axes), images[1].flip(axes)
            maps = (maps[0].flip(axes), maps[1].flip(axes)) if maps else None
        optimiser: Any = self.optimizers()
        optimiser.zero_grad()
        losses = []
        for net, regularize in zip(self.live, self.regularisers):
            loss = self.objective(net(*images), images, maps, regularize)
            self.manual_backward(loss)
            losses.append(loss.detach())
        optimiser.step()
        self.lr_schedulers().step()  # type: ignore[union-attr, call-arg]
        mean = torch.stack(losses).mean()
        self.log("loss", mean, on_step=False, on_epoch=True, batch_size=len(images[0]))
        return {"loss": mean}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Score every candidate on one pair: Dice of warped labels or, without labels, the similarity."""
        images = self._take(batch, labels=False)
        labelled = self.packed.labels is not None and self.objective.labels
        maps = self._take(batch, labels=True) if labelled else None
        for number, net in enumerate(self.live):
            u = net(*images)
            if maps is None:
                score = -self.objective.similarity(warp(images[0], u), images[1])
            else:
                warped = warp(maps[0], u, mode="nearest")
                score = soft_dice(*(one_hot(m, self.objective.labels) for m in (warped, maps[1])))
            self.validated.append((number, score.float(), std_log_jacobian(u[0])))

    def on_validation_epoch_end(self) -> None:
        """Keep the weights of each candidate that has become better, and log the means over candidates."""
        found = []
        for number, live in enumerate(self.live):
            own = [(score, rough) for k, score, rough in self.validated if k == number]
            score, rough = (torch.stack(values).mean() for values in zip(*own))
            if not self.trainer.sanity_checking:  # before the first step: looked at, not kept
                self.net.keep(number, live, score, rough)
            found.append((score, rough))
        self.validated.clear()
        for name, values in zip(("val_score", "val_std_logj"), zip(*found)):
            self.log(name, torch.stack(values).mean())

    def on_train_epoch_end(self) -> None:
        """Keep the newest weights where nothing is validated."""
        if not self.trainer.val_dataloaders:
            for kept, live in zip(self.net.nets, self.live):
                kept.load_state_dict(live.state_dict())

    def configure_optimizers(self) -> Any:
        """Adam with amsgrad and a polynomial decay of power 0.9 over all steps."""
        rate, steps = float(self.settings["learning_rate"]), int(self.settings["steps"])
        optimiser = torch.optim.Adam(self.live.parameters(), lr=rate, amsgrad=True)
        decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / steps, 0.0) ** 0.9)
        return {"optimizer": optimiser, "lr_scheduler": decay}


def plan(job: Job) -> Plan:
    """Return module and pairs for one learned method.

    Args:
        job: ``task`` names pairs, modalities and similarity, ``method_options`` network and regularisers.
    """
    if job.train.get("monitor") or job.train.get("clip"):
        raise InputError(
            "config keys train.monitor and train.clip: leave them out; each candidate keeps the epoch "
            "with its best "
            "validation score by itself"
        )
    packed = open_packed(job.data)
    net = build_candidates(job.method_options, packed.shape)
    module = Registration(net, job.method_options["regularisers"], packed, job)
    found = {split: pairs(packed.subjects, packed.splits, job.task, split) for split in ("train", "val")}
    if len(net.nets) > 1 and not found["val"]:
        raise InputError(
            f"cohort '{packed.name}' has no validation pairs to choose regularisers by; give its split "
            f"'val' more "
            "subjects, or the method one entry under 'regularisers'"
        )
    size = sum(p.numel() for p in net.nets[0].parameters())
    measure = registration_measure(
        packed,
        (job.task["moving"], job.task["fixed"]),
        found,
        module.objective.labels if packed.labels is not None else [],
        module.objective.similarity,
    )
    val = Pairs(found["val"]) if found["val"] else None
    return Plan(module, Pairs(found["train"]), val, parameters=size, measure=measure)
