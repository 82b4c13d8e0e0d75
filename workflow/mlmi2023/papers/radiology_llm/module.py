"""The module that trains every language model."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from mlmi2023.papers.radiology_llm.losses import next_token_loss, right
from mlmi2023.papers.radiology_llm.model import LanguageModel
from mlmi2023.papers.radiology_llm.options import Train
from mlmi2023.papers.radiology_llm.packing import IGNORED, Rows, pack
from mlmi2023.papers.radiology_llm.prompts import Sequence
from mlmi2023.training.loop.optimisers import build_optimiser


class Tuning(pl.LightningModule):
    """Next tokens are learned, those of the response alone or all; the mean is over the batch's tokens.

    A batch is cut into pieces of ``micro`` sequences, whose gradients add up, each packed into rows.

    Args:
        net: the language model.
        sequences: that train.
        held: that validate.
        keys: ``pack`` and ``micro``.
        train: the ``train`` slice of the config.
    """

    def __init__(
        self,
        net: LanguageModel,
        sequences: list[Sequence],
        held: list[Sequence],
        keys: Train,
        train: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net, self.sequences, self.held = net, sequences, held
        self.keys, self.settings = keys, dict(train)
        self._sums = torch.zeros(3)

    def training_step(self, batch: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """Take a step; return the mean loss of the batch."""
        members = [self.sequences[number] for number in batch.tolist()]
        # the longest first, so that those of one piece are of like length
        members.sort(key=lambda own: -len(own.tokens))
        size = self.keys.micro or len(members)
        pieces = [self.rows(members[first : first + size]) for first in range(0, len(members), size)]
        count = max(1, sum(int((piece.labels != IGNORED).sum()) for piece in pieces))
        optimiser: Any = self.optimizers()
        optimiser.zero_grad()
        total = torch.zeros((), device=self.device)
        for piece in pieces:
            loss = next_token_loss(self.net(piece.tokens, piece.places, piece.mask), piece.labels) / count
            self.manual_backward(loss)
            total += loss.detach()
        if clip := float(self.settings.get("clip", 0)):
            self.clip_gradients(optimiser, gradient_clip_val=clip, gradient_clip_algorithm="norm")
        optimiser.step()
        schedule: Any = self.lr_schedulers()
        schedule.step()
        return {"loss": total}

    def rows(self, members: list[Sequence]) -> Rows:
        """Return sequences as rows on the device."""
        return pack(members, self.keys.pack, self.net.words.pad).to(self.device)

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        self._sums = torch.zeros(3, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Sum losses, right tokens and tokens."""
        piece = self.rows([self.held[number] for number in batch["row"][0].tolist()])
        with torch.no_grad():
            logits = self.net(piece.tokens, piece.places, piece.mask)
        sums = [
            next_token_loss(logits, piece.labels),
            right(logits, piece.labels),
            (piece.labels != IGNORED).sum(),
        ]
        self._sums += torch.stack([value.double() for value in sums])

    def on_validation_epoch_end(self) -> None:
        """Log ``val_loss``, per token, and ``val_tokens``, the share of next tokens that are likeliest."""
        loss, hits, count = self._sums.tolist()
        self.log_dict({"val_loss": loss / max(count, 1), "val_tokens": hits / max(count, 1)})

    def configure_optimizers(self) -> Any:
        """What is frozen stays as it is."""
        return build_optimiser([p for p in self.net.parameters() if p.requires_grad], self.settings)
