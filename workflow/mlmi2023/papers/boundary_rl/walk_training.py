"""Algorithm 1: walks on training images are collected, then the controller is updated by PPO.

A step of the training is a step of the optimiser. The first of an update collects the transitions of which
the others see a minibatch each; an epoch ends with an update, so that a checkpoint needs the environments'
state but no transitions.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.papers.boundary_rl.cases import Glands
from mlmi2023.papers.boundary_rl.classifier import Presence, presence_of
from mlmi2023.papers.boundary_rl.controller import Controller, build, drawn, log_chance
from mlmi2023.papers.boundary_rl.drawing_lots import Common, OfImages
from mlmi2023.papers.boundary_rl.environment import Rules, Walks
from mlmi2023.papers.boundary_rl.options import Ppo, Walk
from mlmi2023.papers.boundary_rl.outline import filled, kept
from mlmi2023.papers.boundary_rl.ppo import Transitions, advantages, loss
from mlmi2023.papers.boundary_rl.walking import Policy, Walked, by_chance, learned, straight, walk
from mlmi2023.training.data.chunks import RowChunks
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure


class Turns(Dataset):
    """Training samples: the images that environments turn to during an update, at random.

    Args:
        rows: training images.
        count: how many a sample has.
    """

    def __init__(self, rows: list[int], count: int) -> None:
        self.rows, self.count = torch.tensor(rows), count

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"rows": self.rows[torch.randint(len(self.rows), (self.count,))]}


class WalkTraining(pl.LightningModule):
    """Walks and updates; validation walks on images of its own.

    Logged are means over the walks of validation images: ``val_return`` (reward, undiscounted), ``val_moved``
    (its part r_mov), ``val_hits`` (the share that hit); and ``val_dice`` of the outlines.

    Args:
        net: the controller.
        presence: the frozen classifier.
        images: (N, H, W) uint8; black but for training and validation.
        masks: (N, H, W) of validation images, for ``val_dice`` alone.
        centre: c_p, row and column.
        rules: of the walks.
        ppo: of the updates.
        train: the ``train`` slice of the config.
    """

    images: Tensor

    def __init__(
        self,
        net: Controller,
        presence: Presence,
        images: np.ndarray,
        masks: Mapping[int, np.ndarray],
        centre: tuple[float, float],
        rules: Rules,
        ppo: Ppo,
        train: Mapping[str, Any],
        where: bool = False,
    ) -> None:
        super().__init__()
        self.net, self.presence, self.settings = net, presence, dict(train)
        self.masks, self.rules, self.ppo, self.where = masks, rules, ppo, where
        self.register_buffer("images", torch.from_numpy(images), persistent=False)
        self.target: Tensor
        self.register_buffer("target", torch.tensor(centre).expand(len(images), 2).clone(), persistent=False)
        self.env: Walks | None = None
        self.states = torch.zeros(0)
        self.limits = {"floor": float("nan"), "ceiling": float("nan")}
        self._kept: dict[str, Any] = {}
        self._found: dict[str, list[Walked]] = {}
        self._dice: list[float] = []

    def _walks(self) -> Walks:
        """Return the environments, begun or as they were when the run was killed."""
        if self.env is None:
            lots = Common(self.rules.walk.most, self.rules.side, self.device)
            self.env = Walks(
                self.images,
                self.presence,
                self.rules,
                self.ppo.walkers,
                lots,
                self.target,
                self.where,
                again=True,
            )
            if self._kept:
                self.env.restore(self._kept)
                self.states = self.env.observe()
        return self.env

    @torch.no_grad()
    def collect(self, rows: Tensor) -> None:
        """Walk for ``horizon`` steps under the policy as it is, and keep the transitions.

        Args:
            rows: (n,) images that environments turn to.
        """
        first, env, ppo = self.env is None and not self._kept, self._walks(), self.ppo
        if first:
            begun = rows[torch.arange(ppo.walkers, device=rows.device) % len(rows)]
            self.states, _ = env.reset(options={"rows": begun})
        env.feed(rows)
        seen: dict[str, list[Tensor]] = {
            key: [] for key in ("states", "actions", "chances", "rewards", "ended", "values")
        }
        for _ in range(ppo.horizon):
            logits, values = self.net(self.states)
            actions = drawn(logits, torch.rand(len(logits), device=logits.device))
            after, rewards, hit, cut_off, info = env.step(actions)
            rewards = rewards / ppo.unit
            if info["final"] is not None:
                rewards = rewards + cut_off * ppo.discount * self.net(info["final"])[1]
            own = (self.states, actions, log_chance(logits, actions), rewards, hit | cut_off, values)
            for key, value in zip(seen, own):
                seen[key].append(value)
            self.states = after
        values = torch.stack([*seen["values"], self.net(self.states)[1]])
        rewards, ended = torch.stack(seen["rewards"]), torch.stack(seen["ended"])
        gained = advantages(rewards, values, ended, ppo.discount, ppo.trace)
        parts = [torch.stack(seen[key]) for key in ("states", "actions", "chances")] + [
            gained,
            gained + values[:-1],
        ]
        self.transitions = Transitions(*(part.flatten(0, 1) for part in parts))
        order = [torch.randperm(len(rewards.flatten()), device=self.device) for _ in range(ppo.passes)]
        self.order = torch.cat(order).split(ppo.minibatch)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a minibatch; the first of an update collects it and the others."""
        place = batch_idx % self.ppo.cycle()
        if place == 0:
            self.collect(batch["rows"][0])
        return loss(self.net, self.transitions.some(self.order[place]), self.ppo)

    def _validated(self, rows: Tensor, policy: Policy) -> Walked:
        rules = replace(self.rules, walk=Walk(**{**vars(self.rules.walk), "episodes": self.ppo.val_episodes}))
        lots = OfImages(0, rules.walk.most, rules.side, self.device)
        env = Walks(self.images, self.presence, rules, len(rows), lots, self.target, self.where)
        return walk(env, policy, rows)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Walk on validation images; before the first step also by chance, and straight to c_p."""
        rows, rule = batch["row"][0], self.rules.walk
        found = self._validated(rows, learned(self.net))
        self._found.setdefault("own", []).append(found)
        for row, points, hits in zip(rows.tolist(), found.points, found.hits):
            outline = filled(kept(points[hits], rule.outliers, rule.neighbours), self.masks[row].shape)
            self._dice.append(float(np.nan_to_num(dice_per_label(outline, self.masks[row], [1])[1], nan=1.0)))
        if self.trainer.sanity_checking:
            for name, policy in (("floor", by_chance), ("ceiling", straight)):
                self._found.setdefault(name, []).append(self._validated(rows, policy))

    def on_validation_epoch_end(self) -> None:
        """Log what the walks have earned, and keep what floor and ceiling earn."""
        whole = {
            name: Walked(*(np.concatenate(p) for p in zip(*parts))) for name, parts in self._found.items()
        }
        own = whole.pop("own")
        self.limits |= {name: found.earned(self.rules.walk.weight) for name, found in whole.items()}
        self.log("val_return", own.earned(self.rules.walk.weight))
        self.log("val_moved", float(own.moved.mean()))
        self.log("val_hits", float(own.hits.mean()))
        self.log("val_dice", float(np.mean(self._dice)))
        self._found, self._dice = {}, []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the environments, and what floor and ceiling earn."""
        checkpoint["walks"] = self.env.state() if self.env else {}
        checkpoint["limits"] = dict(self.limits)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from there."""
        self._kept, self.limits = checkpoint["walks"], dict(checkpoint["limits"])

    def configure_optimizers(self) -> Any:
        """Return what the config asks for."""
        from mlmi2023.training.loop.optimisers import build_optimiser

        return build_optimiser(self.net.parameters(), self.settings)


def plan_walks(job: Job, cases: Glands) -> Plan:
    """Return module and samples. The floor is to walk by chance, the ceiling to walk straight to c_p.

    Raises:
        InputError: the classifier or the key ``train.ppo`` is missing.
    """
    if not job.train.get("ppo"):
        raise InputError(f"config key methods.{job.method}.train: 'ppo' is missing; the agent learns by it")
    ppo = options(Ppo, job.train["ppo"], "config", "train.ppo")
    own = job.method_options.get("net") or {}
    train, held, rules = cases.rows("train"), cases.rows("val"), Rules.of(job)
    images = np.zeros(cases.images.shape[:3], np.uint8)
    images[[*train, *held]] = cases.images[[*train, *held], :, :, 0]
    module = WalkTraining(
        build(own, rules.side),
        presence_of(job),
        images,
        {row: cases.truth(row) for row in held},
        cases.centre,
        rules,
        ppo,
        job.train,
        bool(own.get("where")),
    )
    measure = Measure(
        "val_return", floor=lambda: module.limits["floor"], ceiling=lambda: module.limits["ceiling"]
    )
    chunks = RowChunks(held, int(job.train.get("val_batch", 16)))
    return Plan(module, Turns(train, ppo.walkers), chunks, measure=measure)
