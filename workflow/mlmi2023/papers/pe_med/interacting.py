"""A user and a network in turn: click, answer, click where the answer errs (Fig. 1, Sect. 2.1)."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mlmi2023.papers.pe_med.clicks import NONE, Click, next_click


class Clicked(NamedTuple):
    """What a network sees of objects that have been clicked at.

    Attributes:
        image: (B, 1, H, W), -1 to 1.
        places: (B, T, 2) rows and columns of all clicks so far.
        signs: (B, T): 1 the object, 0 background, -1 no click.
        previous: (B, 1, H, W) probability of the last mask, 0 before there is one.
        memory: (B, 1, H, W) logits of the last click's answer (O_{t-1} of Eq. 4), 0 at the first click.
    """

    image: Tensor
    places: Tensor
    signs: Tensor
    previous: Tensor
    memory: Tensor


class Interaction:
    """The clicks at one object of each image, from a blank mask on.

    Nothing is left of it for the next objects: mask, memory and clicks are its own.

    Args:
        net: answers to :class:`Clicked` with logits (B, 1, H, W).
        image: (B, 1, H, W).
        truth: (B, H, W) bool, the objects.
        self_loop: at the first click, the network's answer to a blank mask is its own input once more; that
            is no click, and the memory stays blank.
    """

    def __init__(self, net: nn.Module, image: Tensor, truth: Tensor, self_loop: bool) -> None:
        self.net, self.image, self.truth, self.self_loop = net, image, truth, self_loop
        blank = torch.zeros_like(image[:, :1])
        self.previous, self.memory = blank, blank
        self.found, self.taken = torch.zeros_like(truth), torch.zeros_like(truth)
        self.places = torch.zeros(len(image), 0, 2, dtype=torch.long, device=image.device)
        self.signs = self.places[..., 0]

    @property
    def clicks(self) -> int:
        """How often the user has clicked."""
        return self.signs.shape[1]

    def click(self, draw: Tensor, spread: float = 1.0) -> Click:
        """Click into the deepest error; see :func:`~.clicks.next_click`."""
        click = next_click(self.found, self.truth, draw, self.taken, spread)
        self.places = torch.cat([self.places, click.place[:, None]], 1)
        self.signs = torch.cat([self.signs, click.sign[:, None]], 1)
        lines = torch.arange(len(click.place), device=click.place.device)
        taken = self.taken.clone()
        taken[lines, click.place[:, 0], click.place[:, 1]] |= click.sign != NONE
        self.taken = taken
        return click

    def answer(self) -> Tensor:
        """Return the logits (B, 1, H, W) after the last click; gradients are those of the last pass alone."""
        seen = Clicked(self.image, self.places, self.signs, self.previous, self.memory)
        if self.self_loop and self.clicks == 1:
            learning = self.net.training
            self.net.eval()  # as all passes without gradients
            with torch.no_grad():
                seen = seen._replace(previous=self.net(seen).float().sigmoid())
            self.net.train(learning)
        return self.net(seen)

    def keep(self, logits: Tensor) -> Tensor:
        """Take an answer as the mask to be corrected; return the logits that hold now.

        Where there was nothing to click at, the mask was right, and stays.
        """
        logits = logits.detach().float()
        if self.clicks > 1:
            logits = torch.where((self.signs[:, -1] == NONE)[:, None, None, None], self.memory, logits)
        self.memory, self.previous, self.found = logits, logits.sigmoid(), logits[:, 0] > 0
        return logits


def interact(net: nn.Module, image: Tensor, truth: Tensor, draws: Tensor, self_loop: bool) -> Iterator[
    tuple[Click, Tensor]
]:  # fmt: skip
    """Yield each click and the logits (B, 1, H, W) after it, without gradients.

    Args:
        net: in evaluation mode.
        image: (B, 1, H, W).
        truth: (B, H, W) bool.
        draws: (B, T) in [0, 1), of T clicks.
        self_loop: see :class:`Interaction`.
    """
    turn = Interaction(net, image, truth, self_loop)
    for number in range(draws.shape[1]):
        click = turn.click(draws[:, number])
        with torch.no_grad():
            yield click, turn.keep(turn.answer())
