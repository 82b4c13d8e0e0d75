"""The untrained networks of methods."""

from collections.abc import Sequence

import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.magnet.acn import Pair
from mlmi2023.papers.magnet.agnostic import Agnostic
from mlmi2023.papers.magnet.convolutional import Hemis as HemisNet
from mlmi2023.papers.magnet.convolutional import Hved as HvedNet
from mlmi2023.papers.magnet.model import MagNet
from mlmi2023.papers.magnet.options import (
    Acn,
    EfficientNet,
    Hemis,
    Hved,
    Learned,
    Magnet,
    ResNet50,
)
from mlmi2023.papers.magnet.scans import MultiModal
from mlmi2023.papers.magnet.subsets import masks_of

MODELS = {
    "magnet": Magnet,
    "hemis": Hemis,
    "hved": Hved,
    "acn": Acn,
    "resnet50": ResNet50,
    "efficientnet": EfficientNet,
}


def keys_of(job: Job) -> Learned:
    """Return the keys of a learned method, checked."""
    model = MODELS[str(job.method_options["model"])]
    return options(model, dict(job.method_options), "config", f"methods.{job.method}")  # type: ignore[type-var, return-value]


def agnostic(
    keys: Magnet | Hemis | Hved, modalities: int, classes: int, size: Sequence[int], method: str = ""
) -> Agnostic:
    """Return a network that takes any subset.

    Raises:
        InputError: images do not fit.
    """
    try:
        if isinstance(keys, Magnet):
            return MagNet(modalities, classes, size, keys.net)
        kind = HemisNet if isinstance(keys, Hemis) else HvedNet
        return kind(modalities, classes, size, keys.widths)
    except ValueError as error:
        raise InputError(f"config key methods.{method}: {error}; change task.size or the sizes") from error


def channels_of(keys: Magnet | Hemis | Hved) -> int:
    """Return the channels of the coarsest level."""
    return keys.net.hidden if isinstance(keys, Magnet) else keys.widths[-1]


def pairs(job: Job, keys: Acn, cases: MultiModal, classes: int) -> list[Pair]:
    """Return the pairs of ACN's networks, one for each subset.

    Raises:
        InputError: images do not fit.
    """
    factor = 2 ** (len(keys.widths) - 1)
    if any(side % factor for side in cases.size):
        raise InputError(
            f"config key methods.{job.method}.widths: {len(keys.widths)} levels need a task.size of "
            f"multiples of {factor}"
        )
    found = []
    for mask in masks_of(keys.subsets, cases.modalities):
        torch.manual_seed(job.seed)
        found.append(Pair(mask, classes, keys.widths))
    return found
