"""What training networks on pairs of rows takes, whatever the loss: volumes, flips, validation, optimiser."""

from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.tasks.registration.augment import Augment
from mlmi2023.tasks.registration.objective import Objective
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.training.loop.optimisers import adam, rate_factor

Two = tuple[Tensor, Tensor]


class PairTraining(pl.LightningModule):
    """A network with the pairs that it trains on; a paper adds the step.

    Batches name rows of the cohort (:class:`~.volumes.RowPairs`); the volumes stay on the device where they
    fit.

    Attributes:
        net: what is kept.
        objective: loss and what validation goes by.
        volumes: images and label maps.
    """

    def __init__(
        self,
        net: nn.Module,
        packed: Packed,
        task: Mapping[str, Any],
        train: Mapping[str, Any],
        labels: Iterable[int],
    ) -> None:
        """Join what a run is made of.

        Args:
            net: the network, or several in one module.
            packed: the cohort.
            task: ``moving``, ``fixed``, ``loss`` (:class:`~.objective.Objective`) and ``augment``
                (:class:`~.augment.Augment`).
            train: the ``train`` slice of the config.
            labels: ids that supervise and validate.

        Raises:
            InputError: an unknown augmentation or similarity, or labels that are not there.
        """
        super().__init__()
        self.augment = Augment(task.get("augment", "none"))
        self.net, self.packed, self.task, self.settings = net, packed, task, train
        self.objective = Objective(task["loss"], packed, labels)
        self.volumes = Volumes(packed, task["moving"], task["fixed"])

    def images_of(self, batch: Mapping[str, Any]) -> Two:
        """Return moving and fixed images of a batch, (B, 1, X, Y, Z) float32."""
        return self.volumes.images(batch["moving"], batch["fixed"], self.device)

    def maps_of(self, batch: Mapping[str, Any]) -> Two | None:
        """Return their label maps, (B, 1, X, Y, Z) int16; None if the cohort has none."""
        if self.packed.labels is None:
            return None
        return self.volumes.maps(batch["moving"], batch["fixed"], self.device)

    def drawn(self, batch: Mapping[str, Any]) -> tuple[Two, Two | None]:
        """Return images and, where they supervise, label maps of a training batch, changed alike."""
        return self.augment(self.images_of(batch), self.maps_of(batch) if self.objective.dice else None)

    def optimiser(self, weights: Iterable[Any]) -> dict[str, Any]:
        """Return Adam with amsgrad and the decay of :class:`~.options.PairSchedule`."""
        optimiser = adam(weights, lr=float(self.settings["learning_rate"]), amsgrad=True)
        train = {"decay": "poly", **self.settings}
        decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_factor(train, step))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": decay, "interval": "step"}}

    def configure_optimizers(self) -> Any:
        """Return the optimiser of all weights of the network."""
        return self.optimiser(self.net.parameters())
