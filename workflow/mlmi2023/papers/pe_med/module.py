"""Modules that train: networks that answer to clicks, and automatic ones; validated on the same objects."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.papers.pe_med.interacting import Interaction, interact
from mlmi2023.papers.pe_med.options import Rules
from mlmi2023.papers.pe_med.source import ObjectSource
from mlmi2023.training.loop.status import Measure

#: whether a network has learned: Dice of validation objects, over that of predicting background
DICE = Measure("val_dice", floor=0.0)


def overlap(found: Tensor, truth: Tensor) -> Tensor:
    """Return the Dice (B,) of masks (B, H, W), 0 to 1."""
    both = (found & truth).sum((1, 2))
    return 2 * both / (found.sum((1, 2)) + truth.sum((1, 2))).clamp_min(1)


class Objectwise(pl.LightningModule):
    """What both kinds share: network, source, optimiser, and sums over validation objects.

    Args:
        net: the network.
        loss: of its answer.
        train: the ``train`` slice of the config.
        source: of batches.
    """

    def __init__(
        self, net: nn.Module, loss: nn.Module, train: Mapping[str, Any], source: ObjectSource
    ) -> None:
        super().__init__()
        self.net, self.loss, self.settings, self.source = net, loss, dict(train), source
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        self._sums, self._count = {}, 0

    def _add(self, name: str, values: Tensor) -> None:
        self._sums[name] = self._sums.get(name, values.new_zeros(())) + values.sum()

    def on_validation_epoch_end(self) -> None:
        """Log means over objects."""
        for name, total in self._sums.items():
            self.log(name, total / max(self._count, 1))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        return build_optimiser([p for p in self.net.parameters() if p.requires_grad], self.settings)


class Clicking(Objectwise):
    """A network that answers to clicks: some rounds without gradients, then one that it learns from.

    Args:
        net: the network.
        loss: takes logits (B, 1, H, W) and objects (B, H, W) bool.
        train: the ``train`` slice of the config.
        source: of batches.
        rules: what the user does.
        self_loop: see :class:`~.interacting.Interaction`.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        train: Mapping[str, Any],
        source: ObjectSource,
        rules: Rules,
        self_loop: bool,
    ) -> None:
        super().__init__(net, loss, train, source)
        self.rules, self.self_loop = rules, self_loop

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss after a number of clicks that is the same for the whole batch."""
        sample, draws = self.source(batch, True), batch["clicks"]
        rounds = min(int(draws[0, 0] * (self.rules.rounds + 1)), self.rules.rounds)
        turn = Interaction(self.net, sample.image, sample.truth, self.self_loop)
        self.net.eval()
        with torch.no_grad():
            for number in range(1, rounds + 1):
                turn.click(draws[:, number], self.rules.spread)
                turn.keep(turn.answer())
        self.net.train()
        turn.click(draws[:, rounds + 1], self.rules.spread)
        return self.loss(turn.answer(), sample.truth)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Click at the objects; add up their Dice, first ``val_dice_1``, in the end ``val_dice``."""
        batch = {key: value[0] for key, value in batch.items()}
        sample = self.source(batch, False)
        draws = batch["clicks"][:, : self.rules.validated]
        dice = torch.zeros(0)
        for number, (_, logits) in enumerate(
            interact(self.net, sample.image, sample.truth, draws, self.self_loop)
        ):
            dice = overlap(logits[:, 0] > 0, sample.truth)
            if number == 0:
                self._add("val_dice_1", dice)
        self._add("val_dice", dice)
        self._count += len(dice)


class Automatic(Objectwise):
    """A network that finds all organs at once.

    Args:
        net: the network.
        loss: takes logits (B, 1 + organs, H, W) and labels (B, H, W).
        train: the ``train`` slice of the config.
        source: of batches.
        numbers: (256,) from label values to 1, 2, ...
    """

    numbers: Tensor

    def __init__(
        self, net: nn.Module, loss: nn.Module, train: Mapping[str, Any], source: ObjectSource, numbers: Tensor
    ) -> None:
        super().__init__(net, loss, train, source)
        self.register_buffer("numbers", numbers, persistent=False)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of all organs of the slices."""
        sample = self.source(batch, True)
        return self.loss(self.net(sample.image), self.numbers[sample.labels].long())

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Add up the Dice of the objects that others are clicked at: ``val_dice``."""
        batch = {key: value[0] for key, value in batch.items()}
        sample = self.source(batch, False)
        found = self.net(sample.image).argmax(1) == batch["organ"][:, None, None] + 1
        self._add("val_dice", overlap(found, sample.truth))
        self._count += len(found)
