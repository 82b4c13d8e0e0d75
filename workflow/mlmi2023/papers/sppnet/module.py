"""Modules that train networks on what they see of a batch, and an encoder that follows another."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.papers.sppnet.model import SPPNet
from mlmi2023.tasks.segmentation.module import Segmentation, decide, overlap_counts


class Prompted(Segmentation):
    """Network, loss, and validation by Dice; the source yields :class:`~.seen.Seen` and masks."""

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count overlaps, on the device."""
        batch = {key: value[0] for key, value in batch.items()}
        seen, target = self.source(batch, False)
        logits = self.net(seen)
        self._counts.index_add_(0, batch["case"], overlap_counts(decide(logits), target, self.classes))
        self.log("val_loss", self.loss(logits, target), batch_size=len(target))

    def configure_optimizers(self) -> Any:
        """Return what the config asks for; what is frozen is left out."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        return build_optimiser([p for p in self.net.parameters() if p.requires_grad], self.settings)


class Distilling(Prompted):
    """An encoder that learns the embeddings of another, whose decoder it keeps (Zhang et al., 2023)."""

    net: SPPNet

    def taught_by(self, teacher: nn.Module) -> "Distilling":
        """Set the encoder that is followed, and let nothing but one's own encoder learn."""
        self.teacher = teacher.eval().requires_grad_(False)
        for part in (self.net.prompts, self.net.decoder):
            part.requires_grad_(False)
        return self

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the mean square distance of a batch's embeddings."""
        seen, _ = self.source(batch, True)
        with torch.no_grad():
            wanted = self.teacher.eval()(seen.image)
        return F.mse_loss(self.net.encoder(seen.image), wanted)
