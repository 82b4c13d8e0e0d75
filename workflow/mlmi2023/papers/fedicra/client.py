"""A site's side of a round: it takes a message, trains on its own images, and answers with weights.

The same class serves the federation in one process (:mod:`.module`) and one process a site (:mod:`.flower`).
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.papers.fedicra.adaptive import Mix, aggregate
from mlmi2023.papers.fedicra.losses import local_loss, partial_cross_entropy
from mlmi2023.papers.fedicra.model import Seen, SiteUnet
from mlmi2023.papers.fedicra.options import Learned, Task
from mlmi2023.papers.fedicra.samples import SiteData
from mlmi2023.papers.fedicra.strategies import State, is_finite, is_head, shared, state_of, take
from mlmi2023.training.data.augment2d import DRAWS
from mlmi2023.training.loop.optimisers import adam, rate_factor

#: first word of the random states of batches by which W is learned
MIXING = 303


class Update(NamedTuple):
    """A site's answer: its number, its weights, and of how many images they are."""

    site: int
    state: State
    images: int


class Client:
    """One site.

    Args:
        number: of the site; its code.
        net: its network.
        mix: its W; used by the strategy ``aa`` alone.
        data: its images and labels, which never leave it.
        keys: of the method.
        task: of the dataset.
        train: the ``train`` slice of the config.
        seed: of the run.
    """

    def __init__(
        self, number: int, net: SiteUnet, mix: Mix, data: SiteData, keys: Learned, task: Task,
        train: Mapping[str, Any], seed: int,
    ) -> None:  # fmt: skip
        self.number, self.net, self.mix, self.data = number, net, mix, data
        self.keys, self.task, self.settings, self.seed = keys, task, dict(train), seed
        self.round_steps = int(train.get("round_steps", 60))
        self.rounds = int(train["steps"]) // self.round_steps
        self.round, self.place = -1, 0
        self.out = False
        self._before: State = {}
        self._sent: State = {}
        self._teacher: SiteUnet | None = None

    def optimiser(self) -> torch.optim.Optimizer:
        """Return AdamW over the site's weights; its moments stay at the site from round to round."""
        train = self.settings
        betas = tuple(float(beta) for beta in train.get("betas", (0.9, 0.999)))
        return adam(
            self.net.parameters(),
            torch.optim.AdamW,
            lr=float(train["learning_rate"]),
            weight_decay=float(train.get("weight_decay", 0.0)),
            betas=betas,
        )

    def begin(self, message: State, number: int) -> None:
        """Take the server's message of a round, 0 the first; with AA, mix the head (Eq. 3)."""
        self.round, self.place, self.out = number, 0, False
        strategy = self.keys.strategy
        self._before, self._sent, self._teacher = state_of(self.net), message, None
        take(self.net, message, list(message) if number == 0 else shared(strategy, self.net))
        if number and strategy == "metafed":
            self._teacher = copy.deepcopy(self.net).eval().requires_grad_(False)
            take(self._teacher, message, list(message))
        if number and strategy == "aa":
            self.net.train()
            aggregate(self.net, message, self.mix, self.keys.mixing, number == 1, self._mixing_loss)
            if not is_finite(state_of(self.net)):
                self._leave("W are not finite")

    def _mixing_loss(self, number: int) -> Tensor:
        rng = np.random.default_rng([self.seed, MIXING, self.round, self.number, number])
        count = int(self.settings.get("batch", 1))
        device = self.data.images.device
        batch = {
            "row": torch.from_numpy(rng.integers(len(self.data), size=count)).to(device),
            "draw": torch.from_numpy(rng.random((count, DRAWS), np.float32)).to(device),
        }
        image, label = self.data(batch)
        return self._loss(self.net.see(image, self.number), image, label)

    def _loss(self, seen: Seen, image: Tensor, label: Tensor) -> Tensor:
        parts = local_loss(self.net, seen, image, label, self.number, self.keys.weights, self.task)
        return torch.stack(list(parts.values())).sum()

    def step(self, batch: Mapping[str, Tensor], optimiser: Any) -> Tensor:
        """Train on a batch; return its loss, NaN once the site is out of this round.

        Args:
            batch: ``row`` (B,) and ``draw`` (B, DRAWS).
            optimiser: of :meth:`optimiser`, or Lightning's hull around it.
        """
        if self.out:
            return torch.tensor(torch.nan)
        self.net.train()
        done = self.round * self.round_steps + self.place
        for group in optimiser.param_groups:
            group["lr"] = float(self.settings["learning_rate"]) * rate_factor(self.settings, done)
        image, label = self.data(batch)
        seen = self.net.see(image, self.number)
        loss = self._loss(seen, image, label)
        if self.keys.strategy == "fedprox":
            loss = loss + self.keys.mu / 2 * self._strayed()
        if self._teacher is not None:
            loss = loss + self._taught(seen, image, label)
        optimiser.zero_grad()
        if not bool(loss.detach().isfinite()):
            self._leave(f"its loss is {float(loss.detach())}")
            return loss.detach()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.keys.strategy == "fedrep":
            # the head first, then the rest (Collins et al. 2021)
            head = self.place < round(self.keys.head * self.round_steps)
            for name, value in self.net.named_parameters():
                if is_head(name) != head:
                    value.grad = None
        optimiser.step()
        self.place += 1
        return loss.detach()

    def _strayed(self) -> Tensor:
        """Return the squared distance from the server's weights (Li et al. 2020)."""
        return torch.stack(
            [(value - self._sent[name]).square().sum() for name, value in self.net.named_parameters()]
        ).sum()

    def _taught(self, seen: Seen, image: Tensor, label: Tensor) -> Tensor:
        """Return MetaFed's distillation of the neighbour's features, as far as the neighbour knows the site.

        In the first half of the rounds it counts where the neighbour's loss is not above the own one. Then
        the common model is the teacher, weighted by how much smaller its loss is, at most 1.
        """
        assert self._teacher is not None
        with torch.no_grad():
            known = self._teacher.see(image, self.number)
            theirs, ours = (float(partial_cross_entropy(one.logits, label)) for one in (known, seen))
        worth = min(1.0, ours / max(theirs, 1e-6))
        if 2 * self.round < self.rounds:
            worth = float(theirs <= ours)
        return self.keys.distil * worth * F.mse_loss(seen.bottom, known.bottom)

    def _leave(self, why: str) -> None:
        print(f"round {self.round + 1}: site {self.number + 1} leaves this round: {why}", flush=True)
        self.out = True

    def end(self) -> Update | None:
        """Return the answer; None where the site has left the round, whose weights it then forgets."""
        state = state_of(self.net)
        if not self.out and not is_finite(state):
            self._leave("its weights are not finite")
        if self.out:
            take(self.net, self._before, list(self._before))
            return None
        return Update(self.number, state, len(self.data))

    def close(self, message: State) -> None:
        """Take over what is shared once more, before the site is tested."""
        take(self.net, message, shared(self.keys.strategy, self.net))

    def fit(
        self, message: State, number: int, batches: Iterable[Mapping[str, Tensor]], optimiser: Any
    ) -> Update | None:
        """Do a whole round; see :meth:`begin`, :meth:`step` and :meth:`end`."""
        self.begin(message, number)
        for batch in batches:
            self.step(batch, optimiser)
        return self.end()
