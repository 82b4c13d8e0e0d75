"""Learning from labels of patches: the presence classifier, and the baselines by multiple instances."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.jobs import Job
from mlmi2023.papers.boundary_rl.cases import Glands, walk_of
from mlmi2023.papers.boundary_rl.patch_table import PatchChunks, seen, tables_of
from mlmi2023.papers.boundary_rl.patches import cut, with_margin
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure


class PatchTraining(pl.LightningModule):
    """Binary cross-entropy on patches; ``val_accuracy`` is the share of validation patches that are right.

    Args:
        net: gives logits (B,) of patches (B, P, P) in [0, 1].
        images: (N, H, W) uint8.
        side: pixels of a patch.
        train: the ``train`` slice of the config.
        painted: share of training patches that are painted over as hits are, and then show no gland.
        noise: mean and spread of the paint.

    It knows images, and of patches their places and labels; masks it never sees.
    """

    images: Tensor

    def __init__(
        self,
        net: nn.Module,
        images: np.ndarray,
        side: int,
        train: Mapping[str, Any],
        painted: float = 0.0,
        noise: tuple[float, float] = (0.5, 0.2),
    ) -> None:
        super().__init__()
        self.net, self.side, self.settings = net, side, dict(train)
        self.painted, self.noise = painted, noise
        self.register_buffer("images", with_margin(torch.from_numpy(images), side), persistent=False)
        self._right: list[Tensor] = []
        self._loss: list[Tensor] = []

    def patches(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the patches (B, P, P) of a batch, in [0, 1]."""
        return cut(self.images, batch["row"], batch["centre"], self.side).float() / 255

    def paint(self, patches: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return patches and labels after some of them have been painted over."""
        if not self.painted:
            return patches, labels
        over = torch.rand(len(patches), device=patches.device) < self.painted
        paint = (self.noise[0] + self.noise[1] * torch.randn_like(patches)).clamp(0, 1)
        return torch.where(over[:, None, None], paint, patches), torch.where(over, 0.0, labels)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        patches, labels = self.paint(self.patches(batch), batch["label"])
        return F.binary_cross_entropy_with_logits(self.net(patches), labels)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Note which patches are right."""
        own = {key: value[0] for key, value in batch.items()}
        logits, truth = self.net(self.patches(own)), own["label"]
        self._right.append(((logits > 0) == (truth > 0.5)).float())
        self._loss.append(F.binary_cross_entropy_with_logits(logits, truth, reduction="none"))

    def on_validation_epoch_end(self) -> None:
        """Log the share, and the mean loss."""
        self.log("val_accuracy", torch.cat(self._right).mean())
        self.log("val_loss", torch.cat(self._loss).mean())
        self._right.clear()
        self._loss.clear()

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        return build_optimiser(self.net.parameters(), self.settings)


def plan_patches(job: Job, cases: Glands, net: nn.Module, painted: float = 0.0) -> Plan:
    """Return module and samples; the floor of the accuracy is to answer always alike.

    Args:
        job: what is trained.
        cases: the images.
        net: gives logits of patches.
        painted: see :class:`PatchTraining`.
    """
    train, val = tables_of(job, cases)
    noise = walk_of(job).noise
    module = PatchTraining(net, seen(cases, (train, val)), int(job.task["patch"]), job.train, painted, noise)
    chunks = PatchChunks(val, max(64, int(job.train.get("val_batch", 16))))
    return Plan(module, train, chunks, measure=Measure("val_accuracy", floor=val.commonest))
