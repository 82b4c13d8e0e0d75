"""Training of the learned methods: losses of Sect. 3 and the settings of ``config/papers``.

All methods of a dataset share pairs, order, losses, budget and the rule that picks the final weights.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.jobs import Job
from mlmi2023.losses.smoothness import diffusion
from mlmi2023.papers.defxattn_reg.cycle import CyclePair, cycle_loss
from mlmi2023.papers.defxattn_reg.model import build_net
from mlmi2023.papers.defxattn_reg.pyramid import ProgressivePyramid
from mlmi2023.tasks.registration.learned import pair_measure
from mlmi2023.tasks.registration.module import PairTraining, Two
from mlmi2023.tasks.registration.volumes import learning_pairs
from mlmi2023.training.loop.plan import Plan


class Registration(PairTraining):
    """A registration network with its losses.

    The loss is similarity + regularisation * diffusion, plus dice * (1 - soft Dice) where labels supervise,
    as ``task.loss`` of the config says. With ``task.both_directions`` a pair has two steps: one as it is
    drawn, the next from fixed to moving.
    """

    def __init__(
        self,
        net: torch.nn.Module,
        packed: Packed,
        task: Mapping[str, Any],
        train: Mapping[str, Any],
        cycle: Mapping[str, float] | None = None,
    ) -> None:
        """Join what a run is made of; ``cycle``, CycleMorph's, has ``weight`` and ``identity``."""
        super().__init__(net, packed, task, train, packed.label_names)
        self.cycle = cycle or {}
        self.regularisation = float(task["loss"].get("regularisation", 1.0))
        self._batch: dict[str, Tensor] | None = None

    def loss(self, images: Two, maps: Two | None) -> Tensor:
        """Return the training loss of a batch.

        Args:
            images: moving and fixed, (B, 1, X, Y, Z).
            maps: their label maps, integers of the same shape, or None.
        """
        weight = self.regularisation
        if isinstance(self.net, CyclePair):
            similarity, smoothness = self.objective.similarity, lambda u: weight * diffusion(u)
            own = self.cycle["weight"], self.cycle["identity"]
            return cycle_loss(self.net, *images, similarity, smoothness, *own)
        core = getattr(self.net, "core", None)
        if isinstance(core, ProgressivePyramid):
            weight *= core.begin_step(self.global_step / int(self.settings["steps"]))
        return self.objective(self.net(*images), images, maps, lambda u: weight * diffusion(u))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of one batch of pairs."""
        images, maps = self.drawn(self._turned(batch, batch_idx))
        return self.loss(images, maps)

    def _turned(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Return the pairs of a step: at every other one those of the step before, the other way round.

        Counted within an epoch, so that a run resumed at an epoch goes on alike.
        """
        if not self.task.get("both_directions"):
            return batch
        if batch_idx % 2 == 0 or self._batch is None:
            self._batch = batch
            return batch
        return {"moving": self._batch["fixed"], "fixed": self._batch["moving"]}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log ``val_score``: the mean Dice of warped labels or, without labels, the similarity."""
        images = self.images_of(batch)
        score = self.objective.quality(self.net(*images), images, self.maps_of(batch))
        self.log("val_score", score, batch_size=1)


def plan(job: Job) -> Plan:
    """Return module and pairs for one learned method.

    Args:
        job: ``task`` names pairs, modalities and losses, ``method_options`` the network.
    """
    packed = open_packed(job.data)
    net = build_net(job.method_options, packed.shape)
    module = Registration(net, packed, job.task, job.train, job.method_options.get("cycle"))
    train, val = learning_pairs(packed, job.task, job.train)
    # a cycle compares each of both images with two others
    terms = 2 * (1 + module.cycle["identity"]) if isinstance(net, CyclePair) else 1.0
    return Plan(module, train, val, measure=pair_measure(module, train, val, terms))
