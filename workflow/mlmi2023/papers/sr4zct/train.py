"""Training (Eq. 1): all members of a method side by side, each on its own pairs."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import default_collate

from mlmi2023.cohorts.forms.ct_stacks.reader import open_stacks
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.sr4zct.data import Draws, Pairs, ReferencePairs, WatchedPairs, build_pairs
from mlmi2023.papers.sr4zct.members import members
from mlmi2023.papers.sr4zct.msd import MSDNets
from mlmi2023.training.loop.optimisers import build_optimiser
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure

#: Pairs, spread over all, that tell how good the degraded images are as they are.
SOME = 16


class Enhancement(pl.LightningModule):
    """Members with their pairs; the sum of their losses leaves each alone, since they share no weight."""

    def __init__(self, net: MSDNets, pairs: Pairs, train: dict[str, Any]) -> None:
        super().__init__()
        self.net, self.pairs, self.settings = net, pairs, train

    def losses(self, draw: Tensor, spot: Tensor) -> Tensor:
        """Return the mean squared error of each member, (M,), for pairs (B,) cropped at places (B, 2)."""
        degraded, target = self.pairs(draw, spot)
        return (self.net(degraded) - target).square().mean(dim=(1, 2, 3))

    def some(self) -> WatchedPairs:
        """Return pairs that are spread over all."""
        return WatchedPairs(torch.unique(torch.linspace(0, len(self.pairs) - 1, SOME).long()).tolist())

    def degraded_loss(self) -> float:
        """Return the summed loss of leaving images as degraded as they are, over some pairs."""
        some = self.some()
        batch = default_collate([some[number] for number in range(len(some))])
        degraded, target = self.pairs(batch["draw"], batch["spot"])
        return float((degraded - target).square().mean(dim=(1, 2, 3)).sum())

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the sum over members; logged is their mean."""
        losses = self.losses(batch["draw"], batch["spot"])
        self.log("loss", losses.detach().mean(), on_step=False, on_epoch=True, batch_size=len(batch["draw"]))
        return losses.sum()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log the sum over members for the watched pairs; they choose no weights."""
        self.log("watched_loss", self.losses(**batch).sum(), batch_size=len(batch["draw"]))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)


def build_net(job: Job, count: int) -> MSDNets:
    """Return untrained networks for ``count`` members."""
    own = job.method_options["net"]
    return MSDNets(count, int(own["depth"]), int(own["dilations"]), job.seed)


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the model is unknown, or the cohort does not serve.
    """
    model = job.method_options.get("model")
    if model in ("saint", "rplhr"):
        from mlmi2023.papers.sr4zct.slabs import plan_slabs

        return plan_slabs(job)
    if model != "msd":
        raise InputError(f"config key methods.{job.method}.model is {model!r}; choose msd, saint or rplhr")
    cohort = open_stacks(job.data)
    found = members(job, cohort)
    pairs = build_pairs(job, cohort, found)
    net = build_net(job, len(found))
    net.scale.copy_(pairs.statistics())
    module = Enhancement(net, pairs, job.train)
    # crops of whole volumes differ too much from batch to batch for their loss to say how training goes
    watched = module.some() if isinstance(pairs, ReferencePairs) else None
    name = "watched_loss" if watched else TRAIN_LOSS
    measure = Measure(name, "lower", ceiling=0.0, floor=module.degraded_loss)
    return Plan(module, Draws(len(pairs)), watched, measure=measure)
