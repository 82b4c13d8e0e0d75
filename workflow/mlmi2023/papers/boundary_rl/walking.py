"""Inference (Sect. 2.2): M walks on each image, one after the other, without reward or update."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.jobs import Job
from mlmi2023.papers.boundary_rl.controller import ACTIONS, Controller, drawn
from mlmi2023.papers.boundary_rl.drawing_lots import OfImages
from mlmi2023.papers.boundary_rl.environment import Fires, Rules, Walks

#: chooses actions (n,) by states (n, C, P, P) and the environment
Policy = Callable[[Tensor, Walks], Tensor]


class Walked(NamedTuple):
    """What the walks of images have found; n images, M walks.

    Attributes:
        points: (n, M, 2) row and column where each walk has ended.
        hits: (n, M) whether the classifier fired there.
        steps: (n, M) how many it took, each a look of the classifier.
        moved: (n, M) sums of r_mov; 0 without a target.
    """

    points: np.ndarray
    hits: np.ndarray
    steps: np.ndarray
    moved: np.ndarray

    def earned(self, weight: float) -> float:
        """Return the mean reward of a walk."""
        return float((self.moved + weight * self.hits).mean())


def by_chance(states: Tensor, env: Walks) -> Tensor:
    """Choose among all actions alike."""
    return (env.now() * ACTIONS).long().clamp_max(ACTIONS - 1)


def straight(states: Tensor, env: Walks) -> Tensor:
    """Walk towards the environment's target, first along the axis on which it is farther."""
    assert env.target is not None
    away = env.target[env.row] - env.centre
    vertical = away[:, 0].abs() >= away[:, 1].abs()
    return torch.where(vertical, (away[:, 0] > 0).long(), 2 + (away[:, 1] > 0).long())


def learned(net: Controller, greedy: bool = False) -> Policy:
    """Return the policy of a network: the likeliest action, or one that is drawn."""

    def choose(states: Tensor, env: Walks) -> Tensor:
        logits = net(states)[0]
        return logits.argmax(1) if greedy else drawn(logits, env.now())

    return choose


@torch.no_grad()
def walk(env: Walks, policy: Policy, rows: Tensor) -> Walked:
    """Play M walks on each image and say how they ended.

    Args:
        env: with an environment for each image.
        policy: chooses actions.
        rows: (n,) images.
    """
    states, _ = env.reset(options={"rows": rows})
    n, count = len(rows), env.rules.walk.episodes
    points = torch.zeros(n, count, 2, device=env.device)
    hits, steps, moved = (torch.zeros(n, count, device=env.device) for _ in range(3))
    here = torch.arange(n, device=env.device)
    while not bool(env.over.all()):
        episode, open_ = env.episode.clone(), ~env.over
        states, _, hit, cut_off, info = env.step(policy(states, env))
        own, at = here[open_], episode[open_]
        moved[own, at] += info["moved"][open_]
        ended = open_ & (hit | cut_off)
        own, at = here[ended], episode[ended]
        points[own, at] = info["centre"][ended].float()
        hits[own, at], steps[own, at] = hit[ended].float(), info["steps"][ended].float()
    found = (part.cpu().numpy() for part in (points, hits, steps, moved))
    places, struck, counts, sums = found
    return Walked(places, struck > 0, counts.astype(int), sums)


def walks_of(
    job: Job,
    images: Tensor,
    fires: Fires,
    rules: Rules,
    policy: Policy,
    rows: Tensor,
    at_once: int,
    target: Tensor | None = None,
    where: bool = False,
) -> Walked:
    """Play the walks of images, some at once; what an image gets does not depend on the others.

    Args:
        job: whose seed the random numbers come from.
        images: (N, H, W) uint8 of the cohort, on the device.
        fires: the frozen classifier.
        rules: of the walks.
        policy: chooses actions.
        rows: (n,) images to be walked.
        at_once: images side by side.
        target: see :class:`~mlmi2023.papers.boundary_rl.environment.Walks`.
        where: likewise.
    """
    lots = OfImages(job.seed, rules.walk.most, rules.side, images.device)
    parts = [
        walk(Walks(images, fires, rules, len(own), lots, target, where), policy, own)
        for own in rows.split(at_once)
    ]
    return Walked(*(np.concatenate(part) for part in zip(*parts)))
