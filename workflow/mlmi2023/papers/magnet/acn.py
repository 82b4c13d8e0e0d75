"""ACN (Wang et al. 2021), compact, from its description: two U-Nets that are trained together.

One sees all modalities, the other a subset. Both learn to segment, their answers are drawn together, and two
discriminators, of entropy maps and of the coarsest features, make the second look like the first. There is a
pair of networks for every subset.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.magnet.convolutional import PlainUnet
from mlmi2023.papers.magnet.losses import segmentation_loss
from mlmi2023.papers.magnet.module import COUNT, region_counts
from mlmi2023.papers.magnet.options import Acn
from mlmi2023.papers.magnet.repeats import Repeats
from mlmi2023.papers.magnet.scans import DeviceScans
from mlmi2023.tasks.segmentation.module import mean_dice
from mlmi2023.training.loop.optimisers import adam


class Pair(nn.Module):
    """The path of all modalities and that of a subset.

    Args:
        mask: modalities of the subset, (M,) bool.
        classes: of the answer.
        widths: channels of either U-Net.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.all = PlainUnet(len(mask), classes, widths)
        self.some = PlainUnet(int(mask.sum()), classes, widths)

    def subset(self, images: Tensor) -> Tensor:
        """Return the images that the second path sees."""
        return images[:, self.mask]


def critic(channels: int, width: int, halvings: int) -> nn.Sequential:
    """Return a discriminator: strided convolutions, then the mean of one channel, (B, 1)."""
    layers: list[nn.Module] = []
    for number in range(halvings):
        layers += [nn.Conv3d(channels, width * 2**number, 3, 2, 1), nn.LeakyReLU(0.2)]
        channels = width * 2**number
    return nn.Sequential(*layers, nn.Conv3d(channels, 1, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())


def entropy_map(logits: Tensor) -> Tensor:
    """Return -p log p of every class, (B, K, *grid), in units of the largest entropy."""
    log = logits.log_softmax(1)
    return -(log.exp() * log) / math.log(logits.shape[1])


def says(logits: Tensor, real: bool) -> Tensor:
    """Return the cross-entropy of discriminators' answers (B, 1) to what they are to say."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


class CoTraining(Repeats):
    """Trains the pairs one after the other.

    Args:
        pairs: by subset, in their order.
        source: of scans.
        keys: of the method.
        train: the ``train`` slice of the config.
        classes: of the answer.
        held: scans that validate; each is seen with the subset of the pair at hand.
    """

    def __init__(
        self, pairs: Sequence[Pair], source: DeviceScans, keys: Acn, train: Mapping[str, Any], classes: int,
        held: int,
    ) -> None:  # fmt: skip
        super().__init__(pairs, train)
        self.automatic_optimization = False
        self.source, self.keys, self.held = source, keys, held
        self.loss = segmentation_loss()
        self.critics = nn.ModuleList(
            nn.ModuleList([critic(classes, keys.critics, 2), critic(keys.widths[-1], keys.critics, 1)])
            for _ in pairs
        )
        self._counts = torch.zeros(0)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Take a step of both paths, then one of both discriminators."""
        images, labels = self.source(batch["row"], batch["draw"])
        pair: Any = self.net[self.turn]
        of_all, of_some = pair.all(images), pair.some(pair.subset(images))
        done = (
            self.current_epoch % self.epochs + batch_idx / int(self.settings["epoch_steps"])
        ) / self.epochs
        loss, segmentation = self.objective(of_all, of_some, labels, done)
        optimiser, of_critics = self.optimizers()  # type: ignore[attr-defined]
        optimiser.zero_grad()
        self.manual_backward(loss)
        optimiser.step()
        of_critics.zero_grad()
        self.manual_backward(self.critic_loss(of_all, of_some))
        of_critics.step()
        self.lr_schedulers().step()  # type: ignore[union-attr, call-arg]
        return {"loss": loss.detach(), "train_loss": segmentation.detach()}

    def objective(
        self, of_all: tuple[Tensor, Tensor], of_some: tuple[Tensor, Tensor], labels: Tensor, done: float
    ) -> tuple[Tensor, Tensor]:
        """Return what both paths minimise, and the subset's segmentation loss in it.

        Args:
            of_all: logits and coarsest level of the path of all modalities.
            of_some: the same of the other.
            labels: (B, *size).
            done: share of the schedule that is behind.
        """
        keys, entropy, knowledge = self.keys, *self._critics()
        segmentation = self.loss(of_some[0], labels)
        apart = ((of_all[0].softmax(1) - of_some[0].softmax(1)) ** 2).mean()
        rise = math.exp(-5 * (1 - min(1.0, done / keys.ramp if keys.ramp else 1.0)) ** 2)
        total = self.loss(of_all[0], labels) + segmentation + keys.consistency * rise * apart
        total = total + keys.entropy * says(entropy(entropy_map(of_some[0])), True)
        return total + keys.knowledge * says(knowledge(of_some[1]), True), segmentation

    def critic_loss(self, of_all: tuple[Tensor, Tensor], of_some: tuple[Tensor, Tensor]) -> Tensor:
        """Return the loss of both discriminators; neither path feels it."""
        entropy, knowledge = self._critics()
        total = torch.zeros((), device=of_all[0].device)
        for (logits, coarse), real in ((of_all, True), (of_some, False)):
            total = total + says(entropy(entropy_map(logits.detach())), real)
            total = total + says(knowledge(coarse.detach()), real)
        return total

    def _critics(self) -> tuple[nn.Module, nn.Module]:
        own: Any = self.critics[self.turn]
        return own[0], own[1]

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        self._counts = torch.zeros((self.held, COUNT, 2), dtype=torch.int64, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps of what the subset's path finds in a scan."""
        images, labels = self.source(batch["row"][0])
        pair: Any = self.net[self.turn]
        found = pair.some(pair.subset(images))[0].argmax(1)
        self._counts[batch_idx] = region_counts(found, labels)[0]

    def on_validation_epoch_end(self) -> None:
        """Log the mean Dice and keep the best weights."""
        value = mean_dice(self._counts)
        self.log("val_dice", value)
        self.validated(float(value))

    def configure_optimizers(self) -> Any:
        """Return the optimisers: of all pairs, and of all discriminators."""
        rate = float(self.settings.get("critic_rate", 1e-4))
        return [
            self.optimiser_of(self.net.parameters()),
            {"optimizer": adam(self.critics.parameters(), lr=rate)},
        ]
