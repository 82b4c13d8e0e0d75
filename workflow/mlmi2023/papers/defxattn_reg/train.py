"""Training of the learned methods: losses of Sect. 3 and the settings of ``config/papers``.

All methods of a dataset share pairs, order, losses, budget and the rule that picks the final weights.
"""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.volumes.pairs import pairs
from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.fields.displacement import warp
from mlmi2023.losses.mind import MINDSSC
from mlmi2023.losses.overlap import soft_dice, soft_dice_labels
from mlmi2023.losses.similarity import LNCC
from mlmi2023.losses.smoothness import diffusion
from mlmi2023.papers.defxattn_reg.cycle import CyclePair, cycle_loss
from mlmi2023.papers.defxattn_reg.model import build_net
from mlmi2023.papers.defxattn_reg.pyramid import ProgressivePyramid
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
    """A registration network with its losses.

    The loss is similarity + regularisation * diffusion, plus dice * (1 - soft Dice) where labels supervise,
    as ``task.loss`` of the config says. ``task.augment: flips`` flips both images along random axes;
    ``task.both_directions`` trains on (moving, fixed) and (fixed, moving) in one step.
    """

    def __init__(
        self,
        net: torch.nn.Module,
        packed: Packed,
        task: dict[str, Any],
        train: dict[str, Any],
        cycle: dict[str, float] | None = None,
    ) -> None:
        """Join what a run is made of; ``cycle``, CycleMorph's, has ``weight`` and ``identity``."""
        super().__init__()
        self.net = net
        self.packed = packed
        self.task = task
        self.settings = train
        loss = task["loss"]
        self.cycle = cycle or {}
        self.similarity = make_similarity(loss)
        self.regularisation = float(loss.get("regularisation", 1.0))
        self.dice = float(loss.get("dice", 0.0))
        self.label_ids = sorted(packed.label_names)
        if self.dice and not self.label_ids:
            raise InputError(
                f"config key task.loss.dice: cohort '{packed.name}' has no labels to learn from; set it to 0"
            )
        self.stores: dict[str, VolumeStore] = {}

    def _store(self, name: str) -> VolumeStore:
        if name not in self.stores:
            volumes = self.packed.labels if name == "labels" else self.packed.images(name)
            assert volumes is not None
            self.stores[name] = VolumeStore(volumes, self.device)
        return self.stores[name]

    def loss(
        self, moving: torch.Tensor, fixed: torch.Tensor, labels: tuple[torch.Tensor, torch.Tensor] | None
    ) -> torch.Tensor:
        """Return the training loss of a batch.

        Args:
            moving: (B, 1, X, Y, Z) images.
            fixed: (B, 1, X, Y, Z) images.
            labels: (B, 1, X, Y, Z) integer label maps of both, or None.
        """
        regularisation = self.regularisation
        if isinstance(self.net, CyclePair):
            return cycle_loss(
                self.net,
                moving,
                fixed,
                self.similarity,
                lambda u: regularisation * diffusion(u),
                self.cycle["weight"],
                self.cycle["identity"],
            )
        core = getattr(self.net, "core", None)
        if isinstance(core, ProgressivePyramid):
            regularisation *= core.begin_step(self.global_step / int(self.settings["steps"]))
        displacement = self.net(moving, fixed)
        loss = self.similarity(warp(moving, displacement), fixed)
        loss = loss + regularisation * diffusion(displacement)
        if labels is not None:
            loss = loss + self.dice * (1 - soft_dice_labels(*labels, displacement, self.label_ids))
        return loss

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """Return the loss of one batch of pairs."""
        images = [self._store(self.task[role]).take(batch[role]) for role in ("moving", "fixed")]
        maps = (
            [self._store("labels").take(batch[r], torch.int16) for r in ("moving", "fixed")]
            if self.dice
            else []
        )
        if self.task.get("augment") == "flips":
            axes = [axis for axis in (2, 3, 4) if torch.rand(1).item() < 0.5]
            images = [image.flip(axes) for image in images]
            maps = [label_map.flip(axes) for label_map in maps]
        loss = self.loss(images[0], images[1], (maps[0], maps[1]) if maps else None)
        if self.task.get("both_directions"):
            back = self.loss(images[1], images[0], (maps[1], maps[0]) if maps else None)
            loss = (loss + back) / 2
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(images[0]))
        return loss

    def validation_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        """Log ``val_score``: the mean Dice of warped labels or, without labels, the similarity."""
        moving, fixed = (self._store(self.task[role]).take(batch[role]) for role in ("moving", "fixed"))
        displacement = self.net(moving, fixed)
        if self.packed.labels is None:
            score = -self.similarity(warp(moving, displacement), fixed)
        else:
            maps = [self._store("labels").take(batch[r], torch.int16) for r in ("moving", "fixed")]
            warped = warp(maps[0].float(), displacement, mode="nearest")
            ids = torch.tensor(self.label_ids, device=warped.device)
            score = (
                soft_dice(one_hot(warped, self.label_ids), one_hot(maps[1], self.label_ids))
                if len(ids)
                else 0.0
            )
        self.log("val_score", score, batch_size=1)

    def configure_optimizers(self) -> Any:
        """AdamW with amsgrad and a polynomial decay of power 0.9 over all steps."""
        rate = float(self.settings["learning_rate"])
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=0.0, amsgrad=True)
        steps = int(self.settings["steps"])
        decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(1 - step / steps, 0.0) ** 0.9)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": decay, "interval": "step"}}


def make_similarity(loss: Mapping[str, Any]) -> torch.nn.Module:
    """Return the image similarity of ``task.loss``: ``lncc`` (``window``) or ``mind_ssc``.

    Raises:
        InputError: another one is asked for.
    """
    kind = loss.get("similarity", "lncc")
    if kind == "lncc":
        return LNCC(window=loss.get("window", 9))
    if kind == "mind_ssc":
        return MINDSSC(loss.get("radius", 1), loss.get("dilation", 2))
    raise InputError(f"config key task.loss.similarity is {kind!r}; choose lncc or mind_ssc")


def plan(job: Job) -> Plan:
    """Return module and pairs for one learned method.

    Args:
        job: ``task`` names pairs, modalities and losses, ``method_options`` the network.
    """
    packed = open_packed(job.data)
    net = build_net(job.method_options, packed.shape)
    module = Registration(net, packed, job.task, job.train, job.method_options.get("cycle"))
    found = {split: pairs(packed.subjects, packed.splits, job.task, split) for split in ("train", "val")}
    found["val"] = found["val"][: int(job.train.get("val_pairs", len(found["val"])))]
    measure = registration_measure(
        packed,
        (job.task["moving"], job.task["fixed"]),
        found,
        module.label_ids,
        module.similarity,
        2 * (1 + module.cycle["identity"]) if isinstance(net, CyclePair) else 1.0,
    )
    val = Pairs(found["val"]) if found["val"] else None
    return Plan(module, Pairs(found["train"]), val, measure=measure)
