"""Training without labels: unORANIC (Sect. 2.1) and the autoencoders that it is held against."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.unoranic.corruptions.training import Draw, corrupted, joined
from mlmi2023.papers.unoranic.losses import consistency, reconstruction
from mlmi2023.papers.unoranic.model import Codes, OneBranch, TwoBranches
from mlmi2023.papers.unoranic.options import Autoencoder, Branches
from mlmi2023.papers.unoranic.pictures import Pictures, draw_of, to_input
from mlmi2023.papers.unoranic.rates import optimiser_of


class Representing(pl.LightningModule, ABC):
    """What both have in common: images, validation, optimiser.

    Validation corrupts each image in one way, always the same, and logs ``val_error``, the mean squared error
    of what is rebuilt, and ``val_spread``, the spread of anatomy codes over images, which is 0 where they
    have collapsed.

    Args:
        net: what is trained.
        pictures: of the cohort.
        train: the schedule and the optimiser's keys.
    """

    images: Tensor

    def __init__(self, net: TwoBranches | OneBranch, pictures: Pictures, train: Mapping[str, Any]) -> None:
        super().__init__()
        self.net, self.pictures, self.settings = net, pictures, train
        whole = pictures.tensor(torch.arange(len(pictures.names)).numpy())
        self.register_buffer("images", whole, persistent=False)
        self.errors: list[Tensor] = []
        self.found: list[Tensor] = []

    def error(self, codes: Codes, clean: Tensor, seen: Tensor) -> Tensor:
        """Return the error of each image that validation is to log, (B,)."""
        return self.error_of(self.net.rebuilt(codes), self.net.revised(codes), clean, seen)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep errors and codes of a chunk."""
        own = {name: values[0] for name, values in batch.items()}
        images = self.images[own["row"]]
        draw = Draw(own["numbers"], own["grain"])
        seen = to_input(corrupted(images, draw, self.pictures.task.corrupt))
        with torch.no_grad():
            codes = self.net.codes(seen)
            self.errors.append(self.error(codes, to_input(images), seen))
        self.found.append(codes.anatomy)

    def on_validation_epoch_end(self) -> None:
        """Log error and spread."""
        self.log("val_error", torch.cat(self.errors).mean())
        self.log("val_spread", torch.cat(self.found).std(0, correction=0).mean())
        self.errors, self.found = [], []

    def configure_optimizers(self) -> Any:
        """Return one optimiser of everything."""
        return optimiser_of(self.net.parameters(), self.settings)

    def floor(self) -> float:
        """Return the validation error of the mean training image."""
        mean, found = self.pictures.mean(), []
        for _, images, draw in self.pictures.chunks("val"):
            seen = to_input(corrupted(images, draw, self.pictures.task.corrupt))
            found.append(self.error_of(mean.expand_as(seen), mean.expand_as(seen), to_input(images), seen))
        return float(torch.cat(found).mean())

    @abstractmethod
    def error_of(self, rebuilt: Tensor, revised: Tensor, clean: Tensor, seen: Tensor) -> Tensor:
        """Return the error of each image, (B,), of what is rebuilt and revised."""


class Orthogonalizing(Representing):
    """Trains both branches by Eq. (4).

    Its ``val_error`` is the mean of those of S and of I.

    Args:
        net: what is trained.
        pictures: of the cohort.
        train: the schedule and the optimiser's keys.
        own: the method's options.
    """

    net: TwoBranches

    def __init__(self, net: TwoBranches, pictures: Pictures, train: Mapping[str, Any], own: Branches) -> None:
        super().__init__(net, pictures, train)
        self.own = own

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch: S and further variants of the same images, each corrupted by itself."""
        own, clean = self.own, self.images[batch["row"]]
        draw = joined([draw_of(batch, k) for k in range(own.variants)])
        seen = to_input(corrupted(clean.repeat(own.variants, 1, 1, 1), draw, self.pictures.task.corrupt))
        first = seen[: len(clean)]
        anatomies = self.net.anatomy(seen).split(len(clean))
        codes = Codes(anatomies[0], self.net.characteristic(first))
        rebuilt = reconstruction(self.net.rebuilt(codes), first, own.distance)
        given = codes if own.clean == "both" else Codes(codes.anatomy.detach(), codes.characteristic)
        revised = reconstruction(self.net.revised(given), to_input(clean), own.distance)
        return own.reconstruction * (revised + rebuilt) + own.consistency * consistency(
            anatomies, own.distance
        )

    def error_of(self, rebuilt: Tensor, revised: Tensor, clean: Tensor, seen: Tensor) -> Tensor:
        """Return the mean of both errors of each image, (B,)."""
        return (_squares(rebuilt, seen) + _squares(revised, clean)) / 2


class Autoencoding(Representing):
    """Trains one branch to give a corrupted image back, or to clean it.

    Args:
        net: what is trained.
        pictures: of the cohort.
        train: the schedule and the optimiser's keys.
        own: the method's options.
    """

    net: OneBranch

    def __init__(
        self, net: OneBranch, pictures: Pictures, train: Mapping[str, Any], own: Autoencoder
    ) -> None:
        super().__init__(net, pictures, train)
        self.own = own

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the mean squared error of a batch."""
        clean = self.images[batch["row"]]
        seen = to_input(corrupted(clean, draw_of(batch, 0), self.pictures.task.corrupt))
        wanted = seen if self.own.target == "corrupted" else to_input(clean)
        return F.mse_loss(self.net.rebuilt(self.net.codes(seen)), wanted)

    def error_of(self, rebuilt: Tensor, revised: Tensor, clean: Tensor, seen: Tensor) -> Tensor:
        """Return the error of each image, (B,), against what it is to become."""
        return _squares(rebuilt, seen if self.own.target == "corrupted" else clean)


def _squares(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().flatten(1).mean(1)
