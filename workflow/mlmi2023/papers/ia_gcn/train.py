"""Training of the graph networks: full batch, all folds of a method side by side (Sect. 3).

A fold takes seconds, starting a process takes as long. So one job trains the networks of all folds side by
side, one step of each in turn; they share nothing but the process, and come out as if trained alone.
"""

from statistics import fmean
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mlmi2023.cohorts.forms.table.reader import Table, open_table
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.ia_gcn.inputs import choose, width
from mlmi2023.papers.ia_gcn.losses import total_loss
from mlmi2023.papers.ia_gcn.model import Member
from mlmi2023.tasks.runs import settings
from mlmi2023.training.data.numbers import Counted
from mlmi2023.training.data.tabular import Fold, folds
from mlmi2023.training.loop.optimisers import adam
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure
from mlmi2023.training.loop.weights import read_weights


class FoldEnsemble(pl.LightningModule):
    """The networks of all settings and folds; a step is one of each.

    ``net`` holds the members setting by setting, and within one fold by fold.
    """

    def __init__(
        self, net: nn.ModuleList, found: list[Fold], options: list[dict[str, Any]], train: dict[str, Any]
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # a backward pass per member keeps one graph in memory at a time
        self.net = net
        self.options = options
        self.settings = train
        self.fold_count = len(found)
        for fold in found:
            for name, value in (("x", fold.x), ("labels", fold.labels), ("train", fold.train)):
                self.register_buffer(f"{name}{fold.number}", torch.as_tensor(value), persistent=False)
        self.graphs: list[Any] = []
        self.entropies: list[torch.Tensor] = []

    def member_loss(self, place: int) -> torch.Tensor:
        """Return the loss of one member on its training rows."""
        member, fold = self.net[place], place % self.fold_count
        if not self.graphs:
            self.graphs = [m.net.graph(m.see(self._of("x", i))) for i, m in enumerate(self.net)]  # type: ignore
        rows = getattr(self, f"train{fold}")
        logits = member.net(member.see(self._of("x", place)), self.graphs[place])  # type: ignore
        cross_entropy = F.cross_entropy(logits[rows], self._of("labels", place)[rows])
        self.entropies.append(cross_entropy.detach())
        attention = getattr(member.net, "attention", None)
        if attention is None:
            return cross_entropy
        return total_loss(cross_entropy, attention.weights(), **self.options[place]["loss"])  # type: ignore

    def _of(self, name: str, place: int) -> torch.Tensor:
        return getattr(self, f"{name}{place % self.fold_count}")

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, torch.Tensor]:
        """Take a step of every member; the loss is their mean."""
        optimiser, decay = self.optimizers(), self.lr_schedulers()
        optimiser.zero_grad()  # type: ignore
        total = torch.zeros((), device=self.device)
        for place in range(len(self.net)):
            loss = self.member_loss(place)
            self.manual_backward(loss)
            total += loss.detach()
        optimiser.step()  # type: ignore
        decay.step()  # type: ignore
        mean = total / len(self.net)
        # the mask's terms fall whether or not anything is classified
        classified = torch.stack(self.entropies).mean()
        self.entropies.clear()
        return {"loss": mean, TRAIN_LOSS: classified}

    def configure_optimizers(self) -> Any:
        """Adam, a rate of its own for the mask, both divided by ten at half and three quarters of the way."""
        masks = [p for name, p in self.net.named_parameters() if name.endswith("attention.mask")]
        others = [p for name, p in self.net.named_parameters() if not name.endswith("attention.mask")]
        groups = [{"params": others, "lr": float(self.settings["learning_rate"])}]
        if masks:
            groups.append({"params": masks, "lr": float(self.settings["mask_learning_rate"])})
        optimiser = adam(groups)
        steps = int(self.settings["steps"])
        decay = torch.optim.lr_scheduler.MultiStepLR(optimiser, [steps // 2, steps * 3 // 4], gamma=0.1)
        return [optimiser], [decay]


def stage_settings(job: Job) -> dict[str, dict[str, Any]]:
    """Return the settings of the job's stage: those of the method, or for stage ``mask`` its ``selector``."""
    if job.stage == "mask":
        return {"": job.method_options["selector"]}
    return settings(job.method_options)


def build(job: Job, table: Table) -> tuple[nn.ModuleList, list[tuple[str, int, dict[str, Any]]]]:
    """Return untrained members and the setting, fold and options of each.

    A member's start depends on the seed and its fold alone, so settings of a fold start alike where their
    shapes are alike.
    """
    classes = len(table.classes[job.task["target"]])
    members, about = [], []
    for setting, options in stage_settings(job).items():
        inputs = width(options.get("inputs", "all"), len(table.columns), int(job.task.get("select", 0)))
        for fold in range(table.fold_count):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(job.seed * 1000 + fold)
                members.append(Member(inputs, classes, options["net"]))
            about.append((setting, fold, options))
    return nn.ModuleList(members), about


def plan(job: Job) -> Plan:
    """Return the ensemble of one learned method.

    Args:
        job: ``task`` names the target, ``method_options`` network, loss, inputs and settings.

    Raises:
        InputError: the cohort has no such target or no folds, or an option is wrong.
    """
    table = open_table(job.data)
    found = list(folds(table, job.task))
    if not found:
        raise InputError(f"cohort '{table.name}' has no folds; set its key 'folds.count'")
    members, about = build(job, table)
    attention = _attention(job, table)
    for member, (_, number, options) in zip(members, about):
        fold = found[number]
        chosen = choose(
            options.get("inputs", "all"),
            fold.x[fold.train],
            fold.labels[fold.train],
            int(job.task.get("select", 0)),
            None if attention is None else attention[number],
        )
        member.columns.copy_(torch.as_tensor(chosen))  # type: ignore
        member.net.prepare(member.see(torch.as_tensor(fold.x)))  # type: ignore
    floor = fmean(share_entropy(fold.labels[fold.train]) for fold in found)
    measure = Measure(TRAIN_LOSS, "lower", ceiling=0.0, floor=floor)
    # a full batch is the only sample; the module has the table
    module = FoldEnsemble(members, found, [options for *_, options in about], job.train)
    return Plan(module, Counted(1), measure=measure)


def share_entropy(labels: np.ndarray) -> float:
    """Return the cross-entropy of predicting each class by its share among labels (N,)."""
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log(shares)).sum())


def _attention(job: Job, table: Table) -> np.ndarray | None:
    """Return the attention (K, D) that the stage before learned in each fold, or None without one."""
    if job.previous is None:
        return None
    state = read_weights(job.previous)
    masks = [state[f"{fold}.net.attention.mask"] for fold in range(table.fold_count)]
    return torch.sigmoid(torch.cat(masks)).numpy()
