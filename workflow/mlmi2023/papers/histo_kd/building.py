"""From a method's options to its networks, and what a later stage takes over from the one before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import read
from mlmi2023.papers.histo_kd.model import Classifiers, Encoder, LowestLevel, build_unet
from mlmi2023.papers.histo_kd.options import (
    Joint,
    Method,
    Supervised,
    Task,
    Transfer,
    Translation,
    View,
)
from mlmi2023.papers.histo_kd.patches import Patches
from mlmi2023.training.loop.weights import AGAIN, read_weights

#: keys of a method that the chain reads
CHAIN = ("uses", "stages", "train")
#: of the one encoder that all targets are read from
OWN = "own"


def method_of(given: Mapping[str, Any]) -> Any:
    """Return a method's options as their model."""
    return read(Method, {key: value for key, value in given.items() if key not in CHAIN})


def probed_view(task: Task) -> View:
    """Return the view that is probed: that of the sparse branch, or of the dense one."""
    return task.pair[0 if task.probe == "sparse" else 1]


def branch_views(task: Task, own: Joint) -> tuple[View, View]:
    """Return what both branches see: the pair, or of a symmetric method twice the probed view."""
    return (probed_view(task), probed_view(task)) if own.symmetric else task.pair


def probed_branch(task: Task, own: Joint) -> int:
    """Return the branch whose encoder is probed; of symmetric methods the first."""
    return 0 if own.symmetric or task.probe == "sparse" else 1


def class_counts(patches: Patches) -> dict[str, int]:
    """Return the number of classes of each target."""
    return {target: len(patches.labels(target)[1]) for target in patches.task.targets or {}}


def build(own: Any, counts: Mapping[str, int]) -> Classifiers:
    """Return the network that a method ends with, with random weights.

    Args:
        own: the method's options.
        counts: classes by target.
    """
    targets = list(counts)
    encoders: dict[str, nn.Module]
    if isinstance(own, Supervised | Transfer):
        encoders = {target: Encoder(own.net) for target in targets}
        # of a supervised encoder its own target is read, or for transfer the next one's
        step = 1 if isinstance(own, Transfer) else 0
        reads = {target: targets[(k + step) % len(targets)] for k, target in enumerate(targets)}
        return Classifiers(encoders, reads, counts)
    if isinstance(own, Translation):
        encoders = {OWN: LowestLevel(build_unet(own.net), own.net)}
    else:
        encoders = {OWN: Encoder(own.net)}
    return Classifiers(encoders, dict.fromkeys(targets, OWN), counts)


def take_over(net: Classifiers, own: Any, task: Task, job: Job) -> None:
    """Give the encoders the weights of the stage before.

    Raises:
        InputError: they are missing, or of another network.
    """
    if job.previous is None:
        raise InputError(
            f"config of paper '{job.paper}': methods.{job.method}.stages: nothing comes before 'main', whose "
            "encoder is not trained there; put the stage that trains it before"
        )
    state = read_weights(job.previous)
    if isinstance(own, Joint):
        number = 0 if own.shared else probed_branch(task, own)
        _load(net.encoders[OWN], state, f"encoders.{number}.", job.previous)
    elif isinstance(own, Translation):
        places = ("conv_0", "down_1", "down_2", "down_3", "down_4")
        renamed = {
            f"levels.{place}.{name.removeprefix(f'{part}.')}": value
            for place, part in enumerate(places)
            for name, value in state.items()
            if name.startswith(f"{part}.")
        }
        _load(net.encoders[OWN], renamed, "", job.previous)
    else:
        for target, encoder in net.encoders.items():
            _load(encoder, state, f"encoders.{target}.", job.previous)


def _load(net: nn.Module, state: Mapping[str, torch.Tensor], prefix: str, path: Path) -> None:
    own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    wanted = net.state_dict()
    for name in sorted(own.keys() | wanted.keys()):
        if name not in own or name not in wanted or own[name].shape != wanted[name].shape:
            raise InputError(f"{path}: weights of another network ({prefix}{name}); {AGAIN}")
    net.load_state_dict(own)
