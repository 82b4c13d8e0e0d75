"""Training with labels (Sect. 3.4): linear layers on frozen codes, or whole ResNets.

Both questions are trained in one run: which class a clean image has, and whether an image was corrupted. They
share no weight that learns, so neither minds the other.
"""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.metrics.classification import auroc
from mlmi2023.papers.unoranic.corruptions.training import Draw, corrupted_by_one
from mlmi2023.papers.unoranic.model import CORRUPTED, DISEASE, Read, TwoNetworks
from mlmi2023.papers.unoranic.pictures import Pictures, draw_of, to_input
from mlmi2023.papers.unoranic.rates import optimiser_of


class Answering(pl.LightningModule):
    """Trains what answers both questions by cross-entropy.

    Validation logs the AUC of each, ``val_auc_disease`` and ``val_auc_corrupted``, and ``val_auc``, their
    mean. Images to be detected are corrupted anew in training; those that validate are always the same.

    Args:
        net: linear layers on a frozen representation, or two ResNets.
        pictures: of the cohort.
        train: the schedule and the optimiser's keys.
    """

    images: Tensor
    labels: Tensor

    def __init__(self, net: Read | TwoNetworks, pictures: Pictures, train: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.pictures, self.settings = net, pictures, train
        splits = np.array(pictures.cohort.splits)
        known = np.where(splits == "test", -1, pictures.cohort.labels)
        self.register_buffer("images", pictures.tensor(np.arange(len(splits))), persistent=False)
        self.register_buffer("labels", torch.from_numpy(known), persistent=False)
        self.said: list[tuple[Tensor, ...]] = []

    def answers(self, row: Tensor, draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return logits and labels of the disease, then of the corruption."""
        clean = self.images[row]
        seen, flags = corrupted_by_one(clean, draw, self.pictures.task.corrupt)
        disease = self.net.logits(to_input(clean), DISEASE)
        return disease, self.labels[row], self.net.logits(to_input(seen), CORRUPTED), flags

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the sum of both cross-entropies."""
        disease, labels, found, flags = self.answers(batch["row"], draw_of(batch, 0))
        return F.cross_entropy(disease.float(), labels) + F.cross_entropy(found.float(), flags)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep what is said of a chunk."""
        own = {name: values[0] for name, values in batch.items()}
        with torch.no_grad():
            self.said.append(self.answers(own["row"], Draw(own["numbers"], own["grain"])))

    def on_validation_epoch_end(self) -> None:
        """Log both areas, and their mean."""
        disease, labels, found, flags = (torch.cat(own).double().cpu() for own in zip(*self.said))
        areas = {
            DISEASE: auroc(labels.numpy(), disease.softmax(1).numpy()),
            CORRUPTED: auroc(flags.numpy(), found.softmax(1).numpy()),
        }
        for name, area in areas.items():
            self.log(f"val_auc_{name}", area)
        self.log("val_auc", float(np.mean(list(areas.values()))))
        self.said = []

    def configure_optimizers(self) -> Any:
        """Return the optimiser of what learns."""
        return optimiser_of((p for p in self.net.parameters() if p.requires_grad), self.settings)
