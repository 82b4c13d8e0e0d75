"""Training of the learned methods: Eq. 1 or Eq. 3, with the settings of ``config/papers``.

All methods of a dataset share pairs, order, similarity, budget and the rule that keeps weights. The
candidates of a method's grid search are trained side by side on the same pairs; each keeps its best
validated epoch.
"""

from typing import Any

import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.implicit_reg.candidates import Candidates, build_candidates
from mlmi2023.papers.implicit_reg.losses import build_regularizer
from mlmi2023.papers.implicit_reg.smoothness import std_log_jacobian
from mlmi2023.tasks.registration.learned import pair_measure
from mlmi2023.tasks.registration.measures import structures
from mlmi2023.tasks.registration.module import PairTraining
from mlmi2023.tasks.registration.volumes import learning_pairs
from mlmi2023.training.loop.plan import Plan


class Registration(PairTraining):
    """Trains the candidates of one method; ``net`` holds what is kept of them.

    Gradients are taken one candidate at a time, so memory does not grow with their number; Adam treats every
    weight by itself, so one optimiser for all is as good as one for each.
    """

    def __init__(self, net: Candidates, regularisers: list[dict[str, Any]], packed: Packed, job: Job) -> None:
        # in training and validation those structures that are scored
        super().__init__(net.requires_grad_(False), packed, job.task, job.train, structures(packed, job.task))
        self.automatic_optimization = False
        self.live = torch.nn.ModuleList(
            c.requires_grad_(True) for c in Candidates(net.nets[0], len(net.nets)).nets
        )
        self.regularisers = [build_regularizer(options) for options in regularisers]
        self.validated: list[tuple[int, Tensor, Tensor]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Do one step of every candidate on one batch of pairs."""
        images, maps = self.drawn(batch)
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
        return {"loss": mean}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Score every candidate on one pair: Dice of warped labels or, without labels, the similarity."""
        images, maps = self.images_of(batch), self.maps_of(batch)
        for number, net in enumerate(self.live):
            u = net(*images)
            score = self.objective.quality(u, images, maps)
            self.validated.append((number, score.float(), std_log_jacobian(u[0])))

    def on_validation_epoch_end(self) -> None:
        """Keep the weights of each candidate that has become better, and log the means over candidates."""
        found = []
        for number, live in enumerate(self.live):
            own = [(score, rough) for k, score, rough in self.validated if k == number]
            score, rough = (torch.stack(values).mean() for values in zip(*own))
            if not self.trainer.sanity_checking:  # before the first step: looked at, not kept
                self.net.keep(number, live, score, rough)  # type: ignore[operator]
            found.append((score, rough))
        self.validated.clear()
        for name, values in zip(("val_score", "val_std_logj"), zip(*found)):
            self.log(name, torch.stack(values).mean())

    def on_train_epoch_end(self) -> None:
        """Keep the newest weights where nothing is validated."""
        if not self.trainer.val_dataloaders:
            for kept, live in zip(self.net.nets, self.live):  # type: ignore[arg-type]
                kept.load_state_dict(live.state_dict())

    def configure_optimizers(self) -> Any:
        """Return the optimiser of all candidates."""
        return self.optimiser(self.live.parameters())


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
    train, val = learning_pairs(packed, job.task, job.train)
    if len(net.nets) > 1 and val is None:
        raise InputError(
            f"cohort '{packed.name}' has no validation pairs to choose regularisers by; give its split "
            f"'val' more "
            "subjects, or the method one entry under 'regularisers'"
        )
    size = sum(p.numel() for p in net.nets[0].parameters())
    return Plan(module, train, val, parameters=size, measure=pair_measure(module, train, val))
