"""What says whether a registration network has learned: no registration is its floor."""

from collections.abc import Callable, Sequence
from statistics import fmean

import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.losses.overlap import soft_dice
from mlmi2023.training.loop.status import TRAIN_LOSS, Measure

Pair = tuple[int, int]
#: Training pairs that stand for all where nothing is validated.
SOME = 8


def one_hot(label_map: Tensor, ids: Sequence[int]) -> Tensor:
    """Turn a (B, 1, X, Y, Z) label map into (B, len(ids), X, Y, Z) float masks."""
    wanted = torch.tensor(list(ids), device=label_map.device, dtype=label_map.dtype).view(1, -1, 1, 1, 1)
    return (label_map == wanted).float()


def registration_measure(
    packed: Packed,
    modalities: tuple[str, str],
    found: dict[str, list[Pair]],
    labels: Sequence[int],
    similarity: Callable[[Tensor, Tensor], Tensor],
    terms: float = 1.0,
) -> Measure:
    """Return the measure of a network that logs ``val_score``: the Dice of warped labels, or likeness.

    Args:
        packed: the cohort.
        modalities: of the moving and the fixed image.
        found: (moving, fixed) rows of the splits ``train`` and ``val``. Without pairs in ``val`` the training
            loss is the measure: its ceiling is that of images that match themselves.
        labels: ids whose Dice is validated; empty: the similarity is.
        similarity: (warped, fixed), each (1, 1, X, Y, Z), to a scalar; lower for more alike images.
        terms: how often the training loss counts the similarity.
    """

    def volume(name: str, row: int) -> Tensor:
        volumes = packed.labels if name == "labels" else packed.images(name)
        assert volumes is not None
        kind = torch.int16 if name == "labels" else torch.float32
        return torch.as_tensor(volumes[row][None, None].copy()).to(kind)

    def overlap() -> float:
        return fmean(
            float(soft_dice(*(one_hot(volume("labels", row), labels) for row in pair)))
            for pair in found["val"]
        )

    def unlike(pairs: Sequence[Pair], registered: bool) -> float:
        moved = modalities[1] if registered else modalities[0]
        return fmean(
            float(similarity(volume(moved, fixed if registered else moving), volume(modalities[1], fixed)))
            for moving, fixed in pairs
        )

    if found["val"] and labels:
        return Measure("val_score", floor=overlap)
    if found["val"]:
        return Measure(
            "val_score",
            floor=lambda: -unlike(found["val"], registered=False),
            ceiling=lambda: -unlike(found["val"], registered=True),
        )
    return Measure(
        TRAIN_LOSS, "lower", ceiling=lambda: terms * unlike(found["train"][:SOME], registered=True)
    )
