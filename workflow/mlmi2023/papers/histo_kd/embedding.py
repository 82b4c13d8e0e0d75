"""Training of joint embeddings, and of the U-Net from H&E to the second stain."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.histo_kd.augment import augmented, moved
from mlmi2023.papers.histo_kd.losses import found_partners, loss_of
from mlmi2023.papers.histo_kd.model import JointEmbedding
from mlmi2023.papers.histo_kd.options import Joint, View
from mlmi2023.papers.histo_kd.patches import Patches
from mlmi2023.papers.histo_kd.reading import Reading
from mlmi2023.training.loop.optimisers import build_optimiser


class Embedding(pl.LightningModule):
    """Trains both branches on their views (Fig. 1).

    Validation logs ``val_read``, what can be read from the probed encoder, or where patches have no label
    ``val_match``, the share of patches whose second view is nearest to the first among those of a chunk, all
    augmented.

    Args:
        net: what is trained.
        own: the method's options.
        patches: of the cohort.
        views: of the branches.
        train: the schedule and the optimiser's keys.
        reading: judges the encoder of a branch, with the number of that; None: no labels.
    """

    def __init__(
        self,
        net: JointEmbedding,
        own: Joint,
        patches: Patches,
        views: tuple[View, View],
        train: dict[str, Any],
        reading: tuple[Reading, int] | None = None,
    ) -> None:
        super().__init__()
        self.net, self.own, self.patches, self.views, self.settings = net, own, patches, views, train
        self.reading = reading
        self.found: list[Tensor] = []

    def embeddings(self, row: Tensor, draw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings (B, d) of both views of some patches; ``draw`` is (B, 2, DRAWS)."""
        a, b = (self.patches.drawn(view, row, draw[:, k], self.device) for k, view in enumerate(self.views))
        first, second = self.net(a, b)
        return first.float(), second.float()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        return loss_of(*self.embeddings(batch["row"], batch["draw"]), self.own.loss)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep which partners are found, where that is asked."""
        if self.reading is None:
            with torch.no_grad():
                a, b = self.embeddings(batch["row"][0], batch["draw"][0])
            self.found.append(found_partners(a, b, self.own.loss))

    def on_validation_epoch_end(self) -> None:
        """Log the measure."""
        if self.reading is None:
            self.log("val_match", torch.cat(self.found).float().mean())
            self.found = []
            return
        reading, branch = self.reading
        self.log("val_read", torch.tensor(reading(self.net.encoder(branch), self.device)))

    def configure_optimizers(self) -> Any:
        """Return one optimiser for all weights: Adam treats each on its own."""
        return build_optimiser(self.net.parameters(), self.settings)


def chance(count: int, size: int) -> float:
    """Return the share of partners that guessing finds among ``count`` patches in chunks of ``size``."""
    return -(-count // size) / max(1, count)


class Translating(pl.LightningModule):
    """Trains a U-Net to predict the second stain, by squared error; logs ``val_error``.

    Args:
        net: H&E (B, 3, H, W) to the second stain (B, 1, H, W).
        patches: of the cohort.
        train: the schedule and the optimiser's keys.
    """

    def __init__(self, net: nn.Module, patches: Patches, train: dict[str, Any]) -> None:
        super().__init__()
        self.net, self.patches, self.settings = net, patches, train
        self.sums: list[tuple[float, int]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the error of a batch; both stains are moved alike, and only H&E changes its colours."""
        row, draw, own = batch["row"], batch["draw"][:, 0], self.patches.task.augment
        x = augmented(self.patches.view("image", row, self.device), draw, own, False)
        y = moved(self.patches.view("partner", row, self.device)[:, :1], draw, own, "bilinear")
        return F.mse_loss(self.net(x).float(), y)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep the error of patches as they are."""
        row = batch["row"][0]
        x, y = (self.patches.view(view, row, self.device) for view in ("image", "partner"))
        with torch.no_grad():
            error = F.mse_loss(self.net(x).float(), y[:, :1])
        self.sums.append((float(error) * len(row), len(row)))

    def on_validation_epoch_end(self) -> None:
        """Log ``val_error``."""
        whole = np.sum(self.sums, axis=0)
        self.log("val_error", torch.tensor(float(whole[0] / whole[1])))
        self.sums = []

    def configure_optimizers(self) -> Any:
        """Return the optimiser."""
        return build_optimiser(self.net.parameters(), self.settings)


def error_of_the_mean(patches: Patches) -> float:
    """Return the error on validation patches of predicting the second stain's mean over training patches."""
    array = patches.partners()
    train, val = (array[patches.rows(split)].astype(np.float64) / 255 for split in ("train", "val"))
    return float(((val - train.mean()) ** 2).mean())
