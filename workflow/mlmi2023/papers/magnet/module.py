"""The module that trains every network that takes any subset (Sects. 2.2 to 2.4), on the same samples."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from mlmi2023.papers.magnet.adversary import Detector, detection_loss, fooling_loss
from mlmi2023.papers.magnet.agnostic import Agnostic, Answer
from mlmi2023.papers.magnet.convolutional import divergence
from mlmi2023.papers.magnet.correlation import CorrelationLoss
from mlmi2023.papers.magnet.losses import segmentation_loss
from mlmi2023.papers.magnet.options import Hemis, Hved, Magnet
from mlmi2023.papers.magnet.scans import DeviceScans, regions
from mlmi2023.tasks.segmentation.module import mean_dice
from mlmi2023.training.loop.optimisers import adam, build_optimiser

#: nested regions
COUNT = 3


def region_counts(found: Tensor, truth: Tensor) -> Tensor:
    """Return twice the overlap and the summed volumes of the regions of labels (B, *grid), (B, 3, 2)."""
    a, b = regions(found).flatten(2), regions(truth).flatten(2)
    return torch.stack([2 * (a & b).sum(2), a.sum(2) + b.sum(2)], -1)


class SubsetTraining(pl.LightningModule):
    """Network, losses, and, of MagNET, the discriminator with an optimiser of its own.

    Args:
        net: takes any subset.
        source: of scans.
        keys: of the method.
        train: the ``train`` slice of the config.
        held: validation cases, each a scan with a subset.
        modalities: M.
        channels: of the coarsest level.
    """

    def __init__(
        self,
        net: Agnostic,
        source: DeviceScans,
        keys: Magnet | Hemis | Hved,
        train: Mapping[str, Any],
        held: int,
        modalities: int,
        channels: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net, self.source, self.keys, self.settings, self.held = net, source, keys, dict(train), held
        self.loss = segmentation_loss()
        adversarial = keys.adversarial if isinstance(keys, Magnet) else None
        correlation = keys.correlation if isinstance(keys, Magnet) else None
        self.detector = (
            Detector(channels, modalities, adversarial.widths, adversarial.slope) if adversarial else None
        )
        self.correlation = CorrelationLoss(channels, modalities, correlation) if correlation else None
        self._counts = torch.zeros(0)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Take a step of the network and, where there is one, a step of the discriminator."""
        images, labels = self.source(batch["row"], batch["draw"])
        present = batch["present"]
        answer: Answer = self.net(images, present)
        loss, segmentation = self.objective(answer, images, labels)
        several = self.optimizers()
        optimisers = list(several) if isinstance(several, list) else [several]
        optimisers[0].zero_grad()
        self.manual_backward(loss)
        optimisers[0].step()
        if self.detector is not None:
            optimisers[1].zero_grad()  # of what the network's loss has left there
            self.manual_backward(self.detector_loss(answer, present))
            optimisers[1].step()
        schedulers = self.lr_schedulers()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()  # type: ignore[union-attr, call-arg]
        return {"loss": loss.detach(), "train_loss": segmentation.detach()}

    def objective(self, answer: Answer, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the network minimises, L_E of Eq. 4 with L_corr, and L_seg in it.

        The discriminator is asked, and not trained: its parameters are in the other optimiser alone.
        """
        segmentation = total = self.loss(answer.logits, labels)
        keys = self.keys
        if isinstance(keys, Magnet):
            total = keys.segmentation * total
            if self.detector is not None and keys.adversarial is not None:
                total = total + keys.adversarial.weight * fooling_loss(self.detector(answer.fused))
            if self.correlation is not None and keys.correlation is not None:
                own = self.correlation(answer.each, answer.where, len(images))
                total = total + keys.correlation.weight * own
        if isinstance(keys, Hved):
            total = total + keys.divergence * divergence(answer.means, answer.logvars)
            if answer.images is not None:
                total = total + keys.reconstruction * ((answer.images - images) ** 2).mean()
        return total, segmentation

    def detector_loss(self, answer: Answer, present: Tensor) -> Tensor:
        """Return L_D of Eq. 3; the encoders do not feel it."""
        assert self.detector is not None
        return detection_loss(self.detector(answer.fused.detach()), present)

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        self._counts = torch.zeros((self.held, COUNT, 2), dtype=torch.int64, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps of one scan under several subsets."""
        images, labels = self.source(batch["row"])
        logits = self.net.subsets(images[0], batch["present"][0])
        found = logits.argmax(1)
        counts = region_counts(found, labels.expand(len(found), *labels.shape[1:]))
        self._counts.index_add_(0, batch["case"][0], counts)

    def on_validation_epoch_end(self) -> None:
        """Log the mean Dice over scans, subsets and regions."""
        self.log("val_dice", mean_dice(self._counts))

    def configure_optimizers(self) -> Any:
        """Return the optimisers: of the network with its projection, and of the discriminator."""
        own = [*self.net.parameters()]
        if self.correlation is not None:
            own += self.correlation.parameters()
        made = [build_optimiser(own, self.settings)]
        if self.detector is not None:
            rate = float(self.settings.get("critic_rate", 1e-4))
            made.append({"optimizer": adam(self.detector.parameters(), lr=rate)})
        return made
