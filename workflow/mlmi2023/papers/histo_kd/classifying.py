"""Training with labels: of whole encoders, or of dense layers on what frozen ones say (Sect. 2.2)."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.histo_kd.building import probed_view
from mlmi2023.papers.histo_kd.model import Classifiers
from mlmi2023.papers.histo_kd.patches import Patches
from mlmi2023.training.loop.optimisers import build_optimiser


class Classifying(pl.LightningModule):
    """Trains classifiers of all targets at once; they share no weight that learns, so none minds the others.

    ``val_acc`` is the mean over targets of the accuracy on validation patches.

    Args:
        net: what is trained.
        patches: of the cohort.
        train: the schedule and the optimiser's keys.
    """

    def __init__(self, net: Classifiers, patches: Patches, train: dict[str, Any]) -> None:
        super().__init__()
        self.net, self.patches, self.settings = net, patches, train
        self.view = probed_view(patches.task)
        self.targets = list(patches.task.targets or {})
        for target in self.targets:
            known = torch.from_numpy(patches.known(target))
            self.register_buffer(f"labels_{target}", known, persistent=False)
        self.right: dict[str, list[Tensor]] = {target: [] for target in self.targets}

    def logits(self, batch: Mapping[str, Tensor], train: bool) -> dict[str, Tensor]:
        """Return logits (B, classes) by target."""
        if train:
            return self.net(self.patches.drawn(self.view, batch["row"], batch["draw"][:, 0], self.device))
        return self.net(self.patches.view(self.view, batch["row"], self.device))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the sum over targets of the cross-entropy."""
        found = self.logits(batch, True)
        losses = [
            F.cross_entropy(logits.float(), getattr(self, f"labels_{target}")[batch["row"]])
            for target, logits in found.items()
        ]
        return torch.stack(losses).sum()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep which patches are right."""
        row = batch["row"][0]
        with torch.no_grad():
            found = self.logits({"row": row}, False)
        for target, logits in found.items():
            self.right[target].append(logits.argmax(1) == getattr(self, f"labels_{target}")[row])

    def on_validation_epoch_end(self) -> None:
        """Log the accuracy of each target, and their mean."""
        each = {target: torch.cat(own).float().mean() for target, own in self.right.items()}
        for target, value in each.items():
            self.log(f"val_acc_{target}", value)
        self.log("val_acc", torch.stack(list(each.values())).mean())
        self.right = {target: [] for target in self.targets}

    def configure_optimizers(self) -> Any:
        """Return the optimiser of what learns."""
        return build_optimiser((p for p in self.net.parameters() if p.requires_grad), self.settings)

    def majority(self) -> float:
        """Return the accuracy of the most frequent training class, the mean over targets."""
        train, val = (self.patches.rows(split) for split in ("train", "val"))
        found = []
        for target in self.targets:
            labels = self.patches.known(target)
            found.append(float((labels[val] == np.bincount(labels[train]).argmax()).mean()))
        return float(np.mean(found))


class Probing(Classifying):
    """Trains the dense layers alone, on features that are computed once, of patches as they are.

    Args:
        net: with its encoders trained.
        patches: of the cohort.
        train: the schedule and the optimiser's keys.
        device: for the features.
    """

    place: Tensor

    def __init__(
        self, net: Classifiers, patches: Patches, train: dict[str, Any], device: torch.device
    ) -> None:
        super().__init__(net, patches, train)
        self.net.encoders.requires_grad_(False)
        rows = np.concatenate([patches.rows("train"), patches.rows("val")])
        place = np.full(len(patches), -1)
        place[rows] = np.arange(len(rows))
        self.register_buffer("place", torch.from_numpy(place), persistent=False)
        for name, values in features_of(net, patches, rows, device).items():
            self.register_buffer(f"features_{name}", values, persistent=False)

    def logits(self, batch: Mapping[str, Tensor], train: bool) -> dict[str, Tensor]:
        """Return logits (B, classes) by target."""
        at = self.place[batch["row"]]
        return self.net.judge({name: getattr(self, f"features_{name}")[at] for name in self.net.encoders})


def features_of(
    net: Classifiers, patches: Patches, rows: np.ndarray, device: torch.device
) -> dict[str, Tensor]:
    """Return the features (n, F) float32 of the probed view of some patches, by encoder.

    Args:
        net: its encoders are put on the device, in evaluation mode.
        patches: of the cohort.
        rows: which patches.
        device: to run on.
    """
    net.to(device).eval()
    view = probed_view(patches.task)
    parts: dict[str, list[Tensor]] = {name: [] for name in net.encoders}
    with torch.no_grad():
        for chunk in torch.from_numpy(rows).split(patches.task.val_batch):
            for name, values in net.features(patches.view(view, chunk, device)).items():
                parts[name].append(values.float())
    return {name: torch.cat(own) for name, own in parts.items()}


def settle_norms(net: Classifiers, patches: Patches, device: torch.device, chunks: int = 8) -> None:
    """Give the norms of untrained encoders the statistics of training patches, in place of 0 and 1."""
    net.to(device).train()
    view = probed_view(patches.task)
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all chunks
    with torch.no_grad():
        for chunk in torch.from_numpy(patches.rows("train")).split(patches.task.val_batch)[:chunks]:
            net.features(patches.view(view, chunk, device))
    net.eval()
