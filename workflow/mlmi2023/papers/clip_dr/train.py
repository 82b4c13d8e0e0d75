"""Training of every learned method on the sources (Sect. 4): selection on source validation alone."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.metrics.macro_f1 import macro_f1
from mlmi2023.papers.clip_dr.erm import Erm
from mlmi2023.papers.clip_dr.eyes import DomainDraws, Eyes
from mlmi2023.papers.clip_dr.grader import Grader, load_before, method_of
from mlmi2023.papers.clip_dr.losses import contrast, naive
from mlmi2023.papers.clip_dr.options import CoOpLVT, Naive, Task
from mlmi2023.papers.clip_dr.options import Erm as ErmOptions
from mlmi2023.papers.clip_dr.pictures import KINDS
from mlmi2023.papers.clip_dr.pretraining import pretraining
from mlmi2023.tasks.domains import View, graded, training
from mlmi2023.training.data.numbers import Chunks
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

#: network, images (B, 3, H, W), classes (B,) -> loss
Loss = Callable[[Any, Tensor, Tensor], Tensor]


def plan(job: Job) -> Plan:
    """Return module and samples of one stage of a learned method.

    Raises:
        InputError: the cohort does not serve.
    """
    view = graded(training(job), f"config of paper '{job.paper}': datasets.{job.dataset}.cohort")
    task = options(Task, job.task, "config", "task")
    size = image_size(view)
    pretrained = job.stage in ("clip", "text", "encoder")
    net = build(job, view, task, KINDS if job.stage == "encoder" else 0)
    if job.stage == "main":
        load_before(net, job.previous, ("head.", "conditioner."))
    elif job.stage == "text":
        load_before(net, job.previous, ("reader.",))
    if pretrained:
        return pretraining(job, net, task, size)
    eyes = Eyes(view, task)
    module = Grading(net, eyes, view, loss_of(job), job.train)
    return Plan(
        module,
        DomainDraws(view.parts.train, view.domains),
        Chunks({"row": np.array(view.parts.val)}, task.batch),
        measure=Measure("val_f1", "higher", ceiling=module.best, floor=module.majority),
    )


def image_size(view: View) -> int:
    """Return the side of the images.

    Raises:
        InputError: they are not square.
    """
    rows, columns = view.images.shape[1:3]
    if rows != columns:
        raise InputError(
            f"images of {rows} x {columns} are not square; set the cohort's 'read.size' to [224, 224], say"
        )
    return int(rows)


def build(job: Job, view: View, task: Task, classes: int = 0) -> Any:
    """Return the method's network, of stage ``clip`` without what is added later.

    Args:
        job: of a method with a network.
        view: of its cohort.
        task: the dataset's.
        classes: of ERM's classifier; 0: the grades.
    """
    own, grades = method_of(job.method_options), task.grades
    count = classes or len(view.grade_names)
    if isinstance(own, ErmOptions):
        return Erm(own, image_size(view), count)
    if job.stage == "clip":
        own = type(own)(**{**vars(own), "reader": None})
    net = Grader(own, image_size(view), grades)
    if len(net.ids()) != len(view.grade_names):
        raise InputError(
            f"config of paper '{job.paper}': datasets.{job.dataset}.task.grades names {len(net.ids())} "
            f"classes, the cohort has {len(view.grade_names)}; name these"
        )
    return net


def loss_of(job: Job) -> Loss:
    """Return the loss of a method (Sect. 3)."""
    own = method_of(job.method_options)
    if isinstance(own, CoOpLVT):

        def matched(net: Grader, x: Tensor, classes: Tensor) -> Tensor:
            inner, visual = net.see(x)
            return contrast(visual, net.own_texts(inner, classes), net.scale)

        return matched
    adjust = isinstance(own, Naive) and own.adjust
    return lambda net, x, classes: naive(net(x), classes, adjust)


class Grading(pl.LightningModule):
    """Trains a network on the sources, and scores it on their validation images.

    Args:
        net: images (B, 3, H, W) to logits (B, K).
        eyes: its input.
        view: of the cohort, with the sources' labels alone.
        loss: what is minimised.
        train: the schedule and the optimiser's keys.
    """

    def __init__(self, net: nn.Module, eyes: Eyes, view: View, loss: Loss, train: dict[str, Any]) -> None:
        super().__init__()
        self.net, self.eyes, self.view, self.loss, self.settings = net, eyes, view, loss, train
        self.found: dict[int, int] = {}

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch of B = b x d_tr images."""
        rows = batch["row"].flatten()
        x = self.eyes.drawn(rows, batch["draw"].flatten(0, 1), batch["colour"].flatten(0, 1), self.device)
        classes = torch.from_numpy(self.view.grades.of(rows.tolist())).to(self.device)
        return self.loss(self.net, x, classes)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep the classes that are found."""
        rows = batch["row"][0]
        with torch.no_grad():
            logits = self.net(self.eyes.plain(rows, self.device))
        self.found |= dict(zip(rows.tolist(), logits.argmax(1).tolist(), strict=True))

    def on_validation_epoch_end(self) -> None:
        """Log ``val_f1``, the mean over sources of macro F1."""
        self.log("val_f1", self.score(self.found))
        self.found = {}

    def score(self, found: dict[int, int]) -> float:
        """Return the mean over sources of macro F1, in [0, 1], of classes by validation row."""
        scores = []
        for domain in dict.fromkeys(self.view.domains[row] for row in found):
            rows = [row for row in found if self.view.domains[row] == domain]
            decisions = np.array([found[row] for row in rows])
            each = macro_f1(self.view.grades.of(rows), decisions, len(self.view.grade_names))
            scores.append(float(each.mean()))
        return float(np.mean(scores))

    def best(self) -> float:
        """Return the score of the truth: a grade that a source lacks counts as 0."""
        return self.score({row: int(self.view.grades[row]) for row in self.view.parts.val})

    def majority(self) -> float:
        """Return the score of the sources' most frequent grade."""
        grade = most_frequent(self.view)
        return self.score(dict.fromkeys(self.view.parts.val, grade))

    def configure_optimizers(self) -> Any:
        """Let those weights learn that the paper trains."""
        parts = self.net.train_parts() if isinstance(self.net, Grader) else self.net.parameters()
        return build_optimiser(parts, self.settings)


def most_frequent(view: View) -> int:
    """Return the grade that most training images have."""
    return int(np.bincount(view.grades.of(view.parts.train)).argmax())


def chances(net: nn.Module, x: Tensor, prompt: str = "") -> Tensor:
    """Return the probability of each class, (B, K)."""
    logits = net(x, prompt) if prompt else net(x)
    return F.softmax(logits.float(), dim=1)
