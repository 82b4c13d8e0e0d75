"""One module that trains every segmentation network, 2D or 3D, with or without deep supervision.

A paper gives a network, a loss and a source of batches, and the ``train`` slice of its config
(:mod:`mlmi2023.training.loop.optimisers`). The best epoch is that with the highest mean Dice on validation
cases: ``monitor: val_dice, mode: max``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.training.loop.status import Measure

#: What says whether a network has learned: its validation Dice over that of predicting background.
DICE = Measure("val_dice", floor=0.0)

Infer = Callable[[nn.Module, Tensor], Tensor]


def finest(outputs: Tensor | Sequence[Tensor]) -> Tensor:
    """Return the logits at full resolution: the output itself, or the first of several."""
    return outputs if isinstance(outputs, Tensor) else outputs[0]


def decide(logits: Tensor) -> Tensor:
    """Return labels (B, *grid), uint8: probability above 0.5 for one channel, else the likeliest class.

    Args:
        logits: (B, 1 or C, *grid).
    """
    if logits.shape[1] == 1:
        return (logits[:, 0] > 0).to(torch.uint8)
    return logits.argmax(1).to(torch.uint8)


def overlap_counts(found: Tensor, truth: Tensor, classes: int) -> Tensor:
    """Return twice the overlap and the summed volumes of each class but the background, (B, classes, 2).

    Args:
        found: (B, *grid) labels.
        truth: the same.
        classes: number of structures, labelled 1 to ``classes``.
    """
    parts = []
    for label in range(1, classes + 1):
        a, b = (found == label).flatten(1), (truth == label).flatten(1)
        parts.append(torch.stack([2 * (a & b).sum(1), a.sum(1) + b.sum(1)], -1))
    return torch.stack(parts, 1)


class FromBatch(nn.Module):
    """The simplest source: batches that hold ``image`` (B, C, *grid) and ``label`` (B, *grid)."""

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        """Return network input and target."""
        return batch["image"], batch["label"]


class Segmentation(pl.LightningModule):
    """Network, loss, source of batches and validation by Dice.

    Args:
        net: (B, C, *grid) -> logits (B, K, *grid), or a sequence of them, finest first (deep supervision, see
            :class:`mlmi2023.losses.segmentation.DeepSupervision`).
        loss: takes the network's output and the target.
        train: the ``train`` slice of the config. ``channels_last: true`` stores a 2D network's maps so on
            a GPU, which convolutions like.
        source: module called with a batch and whether it is for training; returns input (B, C, *grid) and
            target (B, *grid). Augmentation on the device belongs there. None: :class:`FromBatch`.
        classes: structures besides the background.
        cases: validation cases. A validation batch names the case of each of its items by ``case`` (B,),
            0 to ``cases`` - 1; items of one case (slices of a scan) are counted together.
        infer: called with network and input for validation, for instance to slide a window; returns logits.
            None: the network itself.

    Items of the validation data set are whole batches: their tensors have the batch axis first.
    Logged are ``val_loss`` (of the inferred logits) and ``val_dice``: the mean over cases and
    structures of the Dice of hard decisions, without structures that are absent in truth and decision.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        train: Mapping[str, Any],
        source: nn.Module | None = None,
        classes: int = 1,
        cases: int = 0,
        infer: Infer | None = None,
    ) -> None:
        super().__init__()
        self.net, self.loss, self.settings = net, loss, dict(train)
        self.source = FromBatch() if source is None else source
        self.classes, self.cases = classes, cases
        self.infer: Infer = infer or (lambda network, image: finest(network(image)))
        self._counts = torch.zeros(0)

    def on_fit_start(self) -> None:
        """Choose the layout of maps in memory."""
        if self._channels_last():
            self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _channels_last(self) -> bool:
        return bool(self.settings.get("channels_last")) and self.device.type == "cuda"

    def _taken(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        image, target = self.source(batch, train)
        if self._channels_last():
            image = image.contiguous(memory_format=torch.channels_last)
        return image, target

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        image, target = self._taken(batch, True)
        return self.loss(self.net(image), target)

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        shape = (self.cases, self.classes, 2)
        self._counts = torch.zeros(shape, dtype=torch.int64, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps, on the device."""
        batch = {key: value[0] for key, value in batch.items()}
        image, target = self._taken(batch, False)
        logits = self.infer(self.net, image)
        self._counts.index_add_(0, batch["case"], overlap_counts(decide(logits), target, self.classes))
        self.log("val_loss", self.loss(logits, target), batch_size=len(image))

    def on_validation_epoch_end(self) -> None:
        """Log the mean Dice."""
        self.log("val_dice", mean_dice(self._counts))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        return build_optimiser(self.net.parameters(), self.settings)


def mean_dice(counts: Tensor) -> Tensor:
    """Return the mean of overlap / volume over all entries (..., 2) that are not empty; 0 if all are."""
    overlap, volume = counts[..., 0].double(), counts[..., 1].double()
    there = volume > 0
    return ((overlap / volume.clamp_min(1)) * there).sum() / there.sum().clamp_min(1)


def constant_loss(loss: nn.Module, targets: Tensor, channels: int) -> float:
    """Return the loss of a network that has learned nothing but how frequent each label is.

    It is the floor of a training loss, which falls fast while a network learns to predict background.

    Args:
        loss: takes logits (B, channels, *grid) and targets.
        targets: (B, *grid) labels.
        channels: of the logits; 1 for one structure against the background.
    """
    labels = max(channels, 2)
    shares = torch.bincount(targets.flatten().long(), minlength=labels).clamp_min(1).double()
    logits = (shares / shares.sum()).log()
    if channels == 1:
        logits = logits[1:] - logits[:1]
    spread = logits.float().view(1, channels, *([1] * (targets.ndim - 1)))
    return float(loss(spread.expand(len(targets), channels, *targets.shape[1:]), targets))
