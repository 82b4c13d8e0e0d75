"""The Markov decision process of Sect. 2.2 as a vector environment of gymnasium, batched over images.

A state is the image, brought to the size of a patch, and the patch itself: (2, P, P) in [0, 1]. Actions are
0 up, 1 down, 2 left, 3 right. A walk ends when the classifier fires on the patch that a move has led to
(terminated), after which noise is painted over this patch in the image, or after T steps (truncated). The
next walk of the same image starts at once at a pixel of its edges (``SAME_STEP``); after M walks the
environment turns to another image, which is clean.

Unlike gymnasium's own, all values are tensors on one device. :mod:`.rewards` has the reward.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import torch.nn.functional as F
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.papers.boundary_rl.cases import walk_of
from mlmi2023.papers.boundary_rl.drawing_lots import Common
from mlmi2023.papers.boundary_rl.options import Walk
from mlmi2023.papers.boundary_rl.patches import edge, limits, places, with_margin
from mlmi2023.papers.boundary_rl.rewards import movement, reward

#: rows and columns by which an action moves the patch, in steps
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))
#: attributes that make up the state, see :meth:`Walks.state`
STATE = ("canvas", "small", "row", "centre", "time", "episode", "over", "lots", "queue", "turn")

#: whether the classifier fires, (n,) bool, on patches (n, P, P) in [0, 1]
Fires = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Rules:
    """What holds in every walk: a patch's side in pixels, and the task's key ``walk``."""

    side: int
    walk: Walk

    @classmethod
    def of(cls, job: Job) -> "Rules":
        """Return the rules of a job's task."""
        return cls(int(job.task["patch"]), walk_of(job))


class Walks(VectorEnv):
    """Walks on several images side by side.

    Args:
        images: (N, H, W) uint8, on the device.
        fires: the frozen classifier.
        rules: of the walks.
        count: environments.
        lots: random numbers.
        target: (N, 2) c_p of each image, row and column; None: rewards are not computed.
        where: whether a third channel marks the patch on the small image.
        again: whether an environment turns to the next image of its queue after M walks; else it is over, and
            what it returns from then on means nothing.
    """

    def __init__(
        self,
        images: Tensor,
        fires: Fires,
        rules: Rules,
        count: int,
        lots: Common,
        target: Tensor | None = None,
        where: bool = False,
        again: bool = False,
    ) -> None:
        self.images, self.fires, self.rules, self.num_envs = images, fires, rules, count
        self.draw, self.target, self.where, self.again = lots, target, where, again
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.device, side = images.device, rules.side
        shape = (int(images.shape[1]), int(images.shape[2]))
        self.low, self.high = (
            torch.tensor(t, device=self.device) for t in zip(*limits(shape, side, rules.walk.border))
        )
        self.edges = edge(limits(shape, side, rules.walk.border)).to(self.device)
        self.moves = rules.walk.step * torch.tensor(MOVES, device=self.device)
        self.single_observation_space = gym.spaces.Box(0, 1, (2 + where, side, side), np.float32)
        self.single_action_space = gym.spaces.Discrete(len(MOVES))
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tensor, dict[str, Any]]:
        """Begin the first walk of each image.

        Args:
            seed: of torch's random state, which ``Common`` lots come from.
            options: ``rows``, (count,) the images; the queue of further ones is :meth:`feed`'s.
        """
        super().reset(seed=seed)
        if seed is not None:
            torch.manual_seed(seed)
        n, height, width = self.num_envs, *self.images.shape[1:]
        given = (options or {}).get("rows")
        rows = torch.arange(n) % len(self.images) if given is None else torch.as_tensor(given)
        self.row = rows.to(self.device)
        margin = (height + self.rules.side, width + self.rules.side)
        self.canvas = torch.zeros(n, *margin, device=self.device)
        self.small = torch.zeros(n, self.rules.side, self.rules.side, device=self.device)
        self.centre = torch.zeros(n, 2, dtype=torch.long, device=self.device)
        self.time, self.episode = (torch.zeros(n, dtype=torch.long, device=self.device) for _ in range(2))
        self.over = torch.zeros(n, dtype=torch.bool, device=self.device)
        self.lots = torch.zeros(n, self.rules.walk.most, device=self.device)
        self.queue, self.turn = self.row.clone(), torch.zeros((), dtype=torch.long)
        everyone = torch.arange(n, device=self.device)
        self._take_images(everyone)
        self._begin(everyone)
        return self.observe(), {}

    def feed(self, rows: Tensor) -> None:
        """Give the images (n,) that environments turn to next, in order and over again."""
        self.queue, self.turn = rows.to(self.device), torch.zeros((), dtype=torch.long)

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Any]]:
        """Move all patches.

        Args:
            actions: (count,) int64.

        Returns:
            observations (count, C, P, P), those of new walks where one has ended; rewards (count,);
            terminated and truncated (count,) bool; and of each step ``moved`` (r_mov), ``centre`` where it
            has led, ``steps`` of the walk until then, and ``final``, the observations before new walks begin
            (None where no walk was truncated).
        """
        before = self.centre
        after = torch.minimum(torch.maximum(before + self.moves[actions], self.low), self.high)
        self.centre, self.time = after, self.time + 1
        hit = self.fires(self.patches()) & ~self.over
        truncated = (self.time >= self.rules.walk.most) & ~hit & ~self.over
        moved = torch.zeros(self.num_envs, device=self.device)
        if self.target is not None:
            moved = movement(before, after, self.target[self.row], self.rules.walk.blocked)
        found = reward(moved, hit, self.rules.walk.weight)
        final = self.observe() if bool(truncated.any()) else None
        info = {"moved": moved, "centre": after, "steps": self.time, "final": final}
        self._paint(hit.nonzero()[:, 0])
        self._end((hit | truncated).nonzero()[:, 0])
        return self.observe(), found, hit, truncated, info

    def patches(self) -> Tensor:
        """Return the current patches, (count, P, P) in [0, 1]."""
        rows, columns = places(self.centre, self.rules.side)
        return self.canvas[torch.arange(self.num_envs, device=self.device)[:, None, None], rows, columns]

    def observe(self) -> Tensor:
        """Return the states, (count, 2 or 3, P, P)."""
        parts = [self.small, self.patches()]
        if self.where:
            parts.append(self._mark())
        return torch.stack(parts, 1)

    def pictures(self) -> Tensor:
        """Return the images as they have been painted, (count, H, W)."""
        half, (height, width) = self.rules.side // 2, self.images.shape[1:]
        return self.canvas[:, half : half + height, half : half + width]

    def _mark(self) -> Tensor:
        """Return 1 where pixels of the small images lie in the patch."""
        side, half = self.rules.side, self.rules.side // 2
        marks = []
        for axis in (0, 1):
            middle = (torch.arange(side, device=self.device) + 0.5) * self.images.shape[1 + axis] / side
            first = self.centre[:, axis, None] - half
            marks.append((middle >= first) & (middle < first + side))
        return (marks[0][:, :, None] & marks[1][:, None, :]).float()

    def _paint(self, which: Tensor) -> None:
        """Paint noise over the patches of some environments, as far as they lie in the image."""
        if not len(which):
            return
        (mean, spread), half = self.rules.walk.noise, self.rules.side // 2
        height, width = self.images.shape[1:]
        noise = self.draw.noise(self.row[which], self.episode[which])
        rows, columns = places(self.centre[which], self.rules.side)
        inside = (rows >= half) & (rows < half + height) & (columns >= half) & (columns < half + width)
        place = (which[:, None, None], rows, columns)
        self.canvas[place] = torch.where(inside, (mean + spread * noise).clamp(0, 1), self.canvas[place])
        self._shrink(which)

    def _end(self, which: Tensor) -> None:
        """Begin the next walks of some environments, on the next images where M are done."""
        if not len(which):
            return
        self.episode[which] += 1
        done = which[self.episode[which] >= self.rules.walk.episodes]
        if not self.again:
            self.over[done] = True
            which = which[~self.over[which]]
        elif len(done):
            turns = (int(self.turn) + torch.arange(len(done), device=self.device)) % len(self.queue)
            self.turn = self.turn + len(done)
            self.row[done], self.episode[done] = self.queue[turns], 0
            self._take_images(done)
        if len(which):
            self._begin(which)

    def _take_images(self, which: Tensor) -> None:
        self.canvas[which] = with_margin(self.images[self.row[which]].float() / 255, self.rules.side)
        self._shrink(which)

    def _shrink(self, which: Tensor) -> None:
        side = self.rules.side
        pictures = self.pictures()[which][:, None]
        self.small[which] = F.interpolate(pictures, size=[side, side], mode="area")[:, 0]

    def _begin(self, which: Tensor) -> None:
        spots, lots = self.draw.beginnings(self.row[which], self.episode[which])
        self.centre = self.centre.clone()
        self.time = self.time.clone()
        self.centre[which] = self.edges[(spots * len(self.edges)).long().clamp_max(len(self.edges) - 1)]
        self.time[which], self.lots[which] = 0, lots

    def now(self) -> Tensor:
        """Return the draws in [0, 1) for the actions that come next, (count,)."""
        at = self.time.clamp_max(self.rules.walk.most - 1)
        return self.lots.gather(1, at[:, None])[:, 0]

    def state(self) -> dict[str, Tensor]:
        """Return all that a killed run needs to go on."""
        return {name: getattr(self, name).detach().clone() for name in STATE}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from :meth:`state`."""
        for name in STATE:
            where = torch.device("cpu") if name == "turn" else self.device
            setattr(self, name, state[name].to(where).clone())
