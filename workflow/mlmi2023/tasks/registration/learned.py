"""What says whether a registration network has learned: no registration is its floor."""

from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor

from mlmi2023.losses.overlap import one_hot, soft_dice
from mlmi2023.tasks.registration.module import PairTraining
from mlmi2023.tasks.registration.volumes import RowPairs
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure

#: Training pairs that stand for all where nothing is validated.
SOME = 8


def pair_measure(module: PairTraining, train: RowPairs, val: RowPairs | None, terms: float = 1.0) -> Measure:
    """Return the measure of a network that logs ``val_score``: the Dice of warped labels, or likeness.

    Args:
        module: that trains it.
        train: pairs that it learns from. Where nothing is validated the training loss is the measure: its
            ceiling is that of images that match themselves.
        val: pairs that are validated.
        terms: how often the training loss counts the similarity.
    """
    packed, objective = module.packed, module.objective
    moving, fixed = module.volumes.names

    def image(name: str, row: int) -> Tensor:
        return torch.as_tensor(module.volumes.array(row, name)[None, None].copy())

    def labels(row: int) -> Tensor:
        assert packed.labels is not None
        return torch.as_tensor(packed.labels[row][None, None].copy()).to(torch.int16)

    def overlap() -> float:
        assert val is not None
        return fmean(
            float(soft_dice(*(one_hot(labels(row), objective.labels) for row in pair))) for pair in val.found
        )

    def unlike(pairs: Sequence[tuple[int, int]], registered: bool) -> float:
        """Return the mean dissimilarity of pairs as they are, or of fixed images with themselves."""
        return fmean(
            float(objective.similarity(image(fixed, b) if registered else image(moving, a), image(fixed, b)))
            for a, b in pairs
        )

    if val is None:
        some = train.found[:SOME]
        return Measure(TRAIN_LOSS, "lower", ceiling=lambda: terms * unlike(some, registered=True))
    if packed.labels is not None and objective.labels:
        return Measure("val_score", floor=overlap)
    return Measure(
        "val_score",
        floor=lambda: -unlike(val.found, registered=False),
        ceiling=lambda: -unlike(val.found, registered=True),
    )
