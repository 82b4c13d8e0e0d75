"""When pretraining ends (Sect. 2.3): the loss has settled for several epochs in a row."""

import torch
from torch import Tensor, nn

from mlmi2023.papers.ocm_vit.encoder_options import Stop


class StopRule(nn.Module):
    """Look at the loss of each epoch; its state is part of the module that trains, so it survives a kill.

    Args:
        keys: see :class:`~mlmi2023.papers.ocm_vit.encoder_options.Stop`; None: it never stops.
    """

    last: Tensor
    quiet: Tensor

    def __init__(self, keys: Stop | None) -> None:
        super().__init__()
        self.keys = keys
        self.register_buffer("last", torch.tensor(float("inf"), dtype=torch.float64))
        self.register_buffer("quiet", torch.tensor(0))

    def look(self, loss: float, counts: bool = True) -> bool:
        """Take in the loss of an epoch and return whether it is time to stop.

        Args:
            loss: its mean.
            counts: False for an epoch before the rule applies, whose loss is only remembered.
        """
        if self.keys is None:
            return False
        before = float(self.last)
        if self.keys.rule == "change":
            settled, kept = abs(loss - before) < self.keys.change, loss
        else:
            settled, kept = loss > before - self.keys.change, min(before, loss)
        self.last.fill_(kept)
        self.quiet.fill_(int(self.quiet) + 1 if settled and counts else 0)
        return self.stopped

    @property
    def stopped(self) -> bool:
        """Whether it has said so."""
        return self.keys is not None and int(self.quiet) >= self.keys.epochs
