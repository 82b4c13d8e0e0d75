"""What trains: the networks of all folds side by side, each on its own patients."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.papers.prostate_cancer_ms.dpm import OUTSIDE
from mlmi2023.papers.prostate_cancer_ms.losses import DetectionLoss
from mlmi2023.papers.prostate_cancer_ms.model import Members
from mlmi2023.tasks.segmentation.module import Segmentation, decide, overlap_counts


class CrossValidated(Segmentation):
    """The networks of all folds; a step is one of each, and as if each were trained alone.

    The loss is the sum over folds and nothing is shared, so that each network's gradient is its own, and Adam
    treats its weights one by one. Validated are all training patients, each by the network that has not seen
    it: ``val_dice`` is the mean over patients and both kinds of cancer, without kinds that neither truth nor
    answer has.

    Args:
        net: of all folds.
        losses: of each fold, whose weights are those of its training patients.
        train: the ``train`` slice of the config.
        source: see :class:`.folds.GlandSlices`.
        classes: kinds of cancer.
        cases: training patients.
    """

    def __init__(
        self,
        net: Members,
        losses: Sequence[DetectionLoss],
        train: Mapping[str, Any],
        source: nn.Module,
        classes: int,
        cases: int,
    ) -> None:
        super().__init__(net, nn.ModuleList(losses), train, source, classes, cases)

    def folds(self) -> tuple[nn.ModuleList, nn.ModuleList]:
        """Return the networks and the losses of all folds."""
        assert isinstance(self.net, Members) and isinstance(self.loss, nn.ModuleList)
        return self.net.members, self.loss

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the sum of the losses of all folds."""
        image, target = self._taken(batch, True)
        nets, losses = self.folds()
        parts = zip(nets, losses, image.chunk(len(nets)), target.chunk(len(nets)))
        return torch.stack([loss(net(x), y) for net, loss, x, y in parts]).sum()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps within glands, on the device."""
        batch = {key: value[0] for key, value in batch.items()}
        image, target = self._taken(batch, False)
        nets, losses = self.folds()
        fold = int(batch["fold"])
        answer = nets[fold](image)
        inside = target != OUTSIDE
        found, truth = decide(answer.logits) * inside, target * inside
        self._counts.index_add_(0, batch["case"], overlap_counts(found, truth, self.classes))
        self.log("val_loss", losses[fold](answer, target), batch_size=len(image))
