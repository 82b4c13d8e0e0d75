"""Training stages: the backbone, the contrastive pretraining, the fine-tuning (Sect. 2, 3.2)."""

from functools import partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.pecon.branches import Branches, build_branches
from mlmi2023.papers.pecon.examdata import ExamData, ExamRows, excluded, load_exam_data
from mlmi2023.papers.pecon.losses import barlow_twins, info_nce, prevalence_loss, supervised_contrastive
from mlmi2023.training.data.numbers import Chunks
from mlmi2023.training.loop.optimisers import adam
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure
from mlmi2023.training.loop.weights import load_weights

LOSSES = ("supervised_contrastive", "info_nce", "clip", "barlow_twins")


class _OnExams(pl.LightningModule):
    """A module that trains the branches on rows of :class:`ExamData`, kept on its device."""

    ct: Tensor
    ehr: Tensor
    labels: Tensor
    has_ct: Tensor
    has_ehr: Tensor

    def __init__(self, net: Branches, data: ExamData, train: dict[str, Any]) -> None:
        super().__init__()
        self.net, self.settings = net, train
        for name in ("ct", "ehr", "labels", "has_ct", "has_ehr"):
            self.register_buffer(name, getattr(data, name), persistent=False)

    def loss(self, row: Tensor, view: Tensor) -> Tensor:
        """Return the loss of some exams, (B,) rows and views."""
        raise NotImplementedError

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        return self.loss(batch["row"], batch["view"])

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_loss``."""
        self.log("val_loss", self.loss(batch["row"][0], batch["view"][0]), batch_size=1)

    def _optimiser(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        name = self.settings.get("optimiser", "sgd")
        if name not in ("sgd", "adam"):
            raise InputError(f"config key train.optimiser is {name!r}; choose sgd or adam")
        return torch.optim.SGD(groups) if name == "sgd" else adam(groups)

    def _steps(self, optimiser: torch.optim.Optimizer, epochs: list[int]) -> dict[str, Any]:
        """Return optimiser and StepLR, in epochs, one per parameter group; 0 epochs: a constant rate."""
        gamma, length = float(self.settings.get("gamma", 0.1)), int(self.settings["epoch_steps"])

        def factor(every: int) -> Any:
            return lambda step: gamma ** (step // (every * length)) if every else 1.0

        decay = torch.optim.lr_scheduler.LambdaLR(optimiser, [factor(every) for every in epochs])
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": decay, "interval": "step"}}


class Pretraining(_OnExams):
    """The contrastive stage; ``pretraining`` of the method's options names the loss."""

    def __init__(self, net: Branches, data: ExamData, options: dict[str, Any], train: dict[str, Any]) -> None:
        super().__init__(net, data, train)
        self.options = dict(options.get("pretraining", {}))
        if self.options.get("loss") not in LOSSES:
            raise InputError(
                f"config key pretraining.loss is {self.options.get('loss')!r}; choose {', '.join(LOSSES)}"
            )

    def loss(self, row: Tensor, view: Tensor) -> Tensor:
        """Return the loss; a missing modality has no embedding, and losses of pairs skip the exam."""
        kind = self.options["loss"]
        has_ct, has_ehr, labels = self.has_ct[row], self.has_ehr[row], self.labels[row]
        both = has_ct & has_ehr
        if kind == "barlow_twins":
            z_c, z_e = self.net.f_c(self.ct[row, view][both]), self.net.f_e(self.ehr[row][both])
            return barlow_twins(z_c.float(), z_e.float(), self.options.get("off_diagonal", 0.005))
        z_c, z_e = self.net.embed(self.ct[row, view], self.ehr[row])
        z_c, z_e = z_c.float(), z_e.float()
        if kind == "supervised_contrastive":
            z = torch.cat([z_c[has_ct], z_e[has_ehr]])
            same = torch.cat([labels[has_ct], labels[has_ehr]])
            return supervised_contrastive(
                z, same, self.options.get("temperature", 0.8), self.options.get("reduction", "mean")
            )
        if kind == "info_nce":
            scale: Tensor | float = 1 / float(self.options.get("temperature", 0.1))
        else:  # CLIP learns its temperature; its scale is held below 100
            scale = self.net.log_scale.exp().clamp_max(100.0)
        return info_nce(z_c[both], z_e[both], scale, self.options.get("weight", 0.5))

    def configure_optimizers(self) -> Any:
        """SGD on all weights (Sect. 3.2)."""
        rate = float(self.settings["learning_rate"])
        optimiser = self._optimiser([{"params": self.net.parameters(), "lr": rate}])
        return self._steps(optimiser, [int(self.settings.get("decay_epochs", 0))])

    def best_loss(self, row: Tensor) -> float:
        """Return the least loss on some exams: classes opposite each other, or for losses of pairs 0."""
        if self.options["loss"] != "supervised_contrastive":
            return 0.0
        labels = torch.cat([self.labels[row][self.has_ct[row]], self.labels[row][self.has_ehr[row]]])
        ideal = (2 * labels - 1).float()[:, None]
        temperature, reduction = self.options.get("temperature", 0.8), self.options.get("reduction", "mean")
        return float(supervised_contrastive(ideal, labels, temperature, reduction))


#: weights of each branch, by the beginning of their names
PARTS = {"ct": ("f_c.", "head_c."), "ehr": ("f_e.", "head_e.")}


class Finetuning(_OnExams):
    """Cross-entropy of each branch on its own: they share no weight, so one loop trains both.

    With ``keep: accuracy``, each branch ends with the weights of its own best epoch.
    """

    def __init__(self, net: Branches, data: ExamData, train: dict[str, Any]) -> None:
        super().__init__(net, data, train)
        #: best validation accuracy of each branch, and its weights at that time
        self.best: dict[str, tuple[float, dict[str, Tensor]]] = {}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_loss``; all validation exams are one batch, so that this is an epoch's end."""
        super().validation_step(batch, batch_idx)
        if self.settings.get("keep") == "accuracy" and not self.trainer.sanity_checking:
            self.remember(batch["row"][0], batch["view"][0])

    def remember(self, row: Tensor, view: Tensor) -> None:
        """Keep the weights of each branch that is more accurate than ever on exams that have its modality."""
        logits = self.net(self.ct[row, view], self.ehr[row])
        weights = self.net.state_dict()
        for (name, parts), logit, has in zip(PARTS.items(), logits, (self.has_ct[row], self.has_ehr[row])):
            right = (logit.argmax(dim=1) == self.labels[row])[has]
            accuracy = right.double().mean().item() if len(right) else 0.0
            if name not in self.best or accuracy > self.best[name][0]:
                own = {key: value.clone() for key, value in weights.items() if key.startswith(parts)}
                self.best[name] = (accuracy, own)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the best weights for a run that is resumed."""
        checkpoint["best_branches"] = self.best

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them up again."""
        self.best = checkpoint.get("best_branches", {})

    def on_fit_end(self) -> None:
        """Give each branch its best weights."""
        for _, own in self.best.values():
            self.net.load_state_dict(own, strict=False)

    def loss(self, row: Tensor, view: Tensor) -> Tensor:
        """Return the sum of both cross-entropies, each over the exams that have the modality."""
        logits = self.net(self.ct[row, view], self.ehr[row])
        total = logits[0].new_zeros(())
        for logit, there in zip(logits, (self.has_ct[row], self.has_ehr[row])):
            losses = F.cross_entropy(logit.float(), self.labels[row], reduction="none")
            total = total + (losses * there).sum() / there.sum().clamp_min(1)
        return total

    def share_loss(self, train: Tensor, val: Tensor) -> float:
        """Return the loss on exams ``val`` of predicting the share of positive exams among ``train``."""
        total = 0.0
        for there in (self.has_ct, self.has_ehr):
            if there[train].any() and there[val].any():
                total += prevalence_loss(self.labels[train][there[train]], self.labels[val][there[val]])
        return total

    def configure_optimizers(self) -> Any:
        """SGD with a rate and a StepLR of its own for each branch (Sect. 3.2)."""
        rates, epochs = self.settings["rates"], self.settings["decay_epochs"]
        parts = {"ct": (self.net.f_c, self.net.head_c), "ehr": (self.net.f_e, self.net.head_e)}
        groups = [
            {"params": [p for part in parts[name] for p in part.parameters()], "lr": float(rates[name])}
            for name in parts
        ]
        return self._steps(self._optimiser(groups), [int(epochs[name]) for name in parts])


def plan(job: Job) -> Plan:
    """Return module and samples of one stage of a learned method."""
    model = job.method_options.get("model")
    if model == "penet":
        from mlmi2023.papers.pecon.backbone import plan_backbone

        return plan_backbone(job)
    if model != "branches":
        raise InputError(f"config key methods.{job.method}.model is {model!r}; choose penet or branches")
    data = load_exam_data(job)
    net = build_branches(job.method_options, data.ct.shape[2], data.ehr.shape[1])
    if job.previous:
        load_weights(net, job.previous)
    out = excluded(job.method_options, job.stage)
    rows, val = data.rows("train", out), data.rows("val", out)
    # the contrastive losses need all exams of the split side by side, in plain views
    together = Chunks({"row": val, "view": np.zeros_like(val)})
    train = torch.from_numpy(rows)
    judged = torch.from_numpy(val) if len(val) else train
    name = "val_loss" if len(val) else TRAIN_LOSS
    module: _OnExams
    if job.stage == "pretrain":
        module = Pretraining(net, data, job.method_options, job.train)
        batch = judged if len(val) else train[: int(job.train.get("batch", 1))]
        measure = Measure(name, "lower", ceiling=partial(module.best_loss, batch))
    elif job.stage == "finetune":
        if job.train.get("keep") == "accuracy" and not len(val):
            raise InputError(
                f"config key methods.{job.method}.stages.finetune.keep is 'accuracy' but dataset "
                f"'{job.dataset}' has no validation split; give it one, or set keep to last"
            )
        module = Finetuning(net, data, job.train)
        measure = Measure(name, "lower", ceiling=0.0, floor=partial(module.share_loss, train, judged))
    else:
        raise InputError(
            f"config key methods.{job.method}.stages: unknown '{job.stage}'; use pretrain, finetune"
        )
    best = "accuracy of each branch" if job.train.get("keep") == "accuracy" else ""
    return Plan(
        module,
        ExamRows(rows, data.ct.shape[1]),
        together if len(val) else None,
        measure=measure,
        selected_by=best or "last step",
    )
