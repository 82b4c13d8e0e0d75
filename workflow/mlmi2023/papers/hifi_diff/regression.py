"""Training of the networks that answer at once, by the mean absolute or squared error of their rows."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.papers.hifi_diff.arssr import ArSSR
from mlmi2023.papers.hifi_diff.deepresolve import ForEachFactor
from mlmi2023.papers.hifi_diff.metasr import MetaSR
from mlmi2023.tasks.generation.denoiser import Validate
from mlmi2023.training.loop.optimisers import build_optimiser

NETS: dict[str, type[nn.Module]] = {"metasr": MetaSR, "arssr": ArSSR}
#: the loss that each was published with: 1 absolute, 2 squared error
POWER = {"deepresolve": 2, "metasr": 1, "arssr": 1}


def build(options: Mapping[str, Any], factors: Any) -> nn.Module:
    """Return the untrained network of a method; ``factors`` are those that DeepResolve has a network for."""
    if options["model"] == "deepresolve":
        return ForEachFactor(factors, **options["net"])
    return NETS[options["model"]](**options["net"])


class Regression(pl.LightningModule):
    """A network on blocks of thick slices (:class:`~mlmi2023.papers.hifi_diff.samples.Blocks`).

    Args:
        net: (stack, places, factor) -> rows.
        power: 1: mean absolute error, 2: mean squared error.
        train: the ``train`` slice of the config.
        validate: measures the network on a validation batch.
    """

    def __init__(self, net: nn.Module, power: int, train: Mapping[str, Any], validate: Validate) -> None:
        super().__init__()
        self.net, self.power, self.settings, self.measure = net, power, dict(train), validate

    def loss(self, blocks: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
        """Return the sum over blocks; of networks that share nothing each is trained by its own."""
        losses = []
        for block in blocks.values():
            made = self.net(block["stack"], block["places"], block["factor"])
            losses.append(((made - block["truth"]).abs() ** self.power).mean())
        return torch.stack(losses).sum()

    def training_step(self, batch: dict[str, dict[str, Tensor]], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        return self.loss(batch)

    def on_validation_epoch_start(self) -> None:
        """Begin to sum."""
        self._found: list[Mapping[str, Tensor]] = []

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep what is measured."""
        self._found.append(self.measure(self.net, {key: value[0] for key, value in batch.items()}))

    def on_validation_epoch_end(self) -> None:
        """Log the means."""
        count = sum(one["count"] for one in self._found)
        for name in self._found[0].keys() - {"count"}:
            self.log(name, sum(one[name] for one in self._found) / count)

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        return build_optimiser(self.net.parameters(), self.settings)
