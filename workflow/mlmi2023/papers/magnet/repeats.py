"""Several networks in one training, one after the other: a schedule each, the best of each kept."""

from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.training.loop.optimisers import build_optimiser, rate_factor


class Repeats(pl.LightningModule):
    """The schedule is repeated for each network of ``net``.

    A network's weights are those of its best validation; what they were is part of checkpoints.

    Args:
        nets: the networks, or pairs of networks, in their order.
        train: the ``train`` slice of the config.
    """

    net: nn.ModuleList

    def __init__(self, nets: Iterable[nn.Module], train: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.settings = nn.ModuleList(nets), dict(train)
        self.steps = int(train["steps"])
        self.epochs = self.steps // int(train["epoch_steps"])
        self.best, self.kept = float("-inf"), dict[str, Tensor]()

    @property
    def turn(self) -> int:
        """Number of the network that is trained now."""
        return self.current_epoch // self.epochs

    def optimiser_of(self, parameters: Iterable[Any]) -> dict[str, Any]:
        """Return optimiser and schedule of parameters; the schedule begins anew with every network."""
        made = build_optimiser(parameters, self.settings)
        steps = self.steps
        decay = torch.optim.lr_scheduler.LambdaLR(
            made["optimizer"], lambda step: rate_factor(self.settings, step % steps)
        )
        return {"optimizer": made["optimizer"], "lr_scheduler": {"scheduler": decay, "interval": "step"}}

    def validated(self, value: float) -> None:
        """Keep the weights of the network at hand if ``value`` is its best; after its last epoch take these.

        Args:
            value: more is better.
        """
        if self.trainer.sanity_checking:
            return
        own, place = self.net[self.turn], self.current_epoch % self.epochs
        if place == 0 or value > self.best:
            self.best = value
            self.kept = {name: tensor.detach().clone() for name, tensor in own.state_dict().items()}
        if place == self.epochs - 1:
            own.load_state_dict(self.kept)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the best weights of the network at hand into the checkpoint."""
        checkpoint["turn"] = {"best": self.best, "kept": self.kept}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from them."""
        self.best, self.kept = checkpoint["turn"]["best"], dict(checkpoint["turn"]["kept"])
