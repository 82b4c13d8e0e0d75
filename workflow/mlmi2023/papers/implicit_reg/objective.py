"""The loss of a pair of images; a module of its own, since scoring needs it and not what trains."""

from typing import Any

from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.losses.overlap import soft_dice_labels
from mlmi2023.papers.implicit_reg.losses import Regularizer, build_similarity
from mlmi2023.papers.implicit_reg.measures import structures


class Objective:
    """The loss of a pair: similarity, plus Dice where labels supervise, plus a regulariser."""

    def __init__(self, task: dict[str, Any], packed: Packed) -> None:
        """Read ``task.loss``: ``similarity``, ``window``, ``dice`` (weight; 0: labels are not looked at)."""
        self.similarity = build_similarity(task["loss"])
        self.dice = float(task["loss"].get("dice", 0.0))
        self.labels = sorted(structures(packed, task))  # in training and validation those that are scored
        if self.dice and not self.labels:
            raise InputError(
                f"config key task.loss.dice: cohort '{packed.name}' has no labels to learn from; set it to 0"
            )

    def __call__(
        self,
        u: Tensor,
        images: tuple[Tensor, Tensor],
        maps: tuple[Tensor, Tensor] | None,
        regularize: Regularizer,
    ) -> Tensor:
        """Return the loss of a batch, a float32 scalar.

        Args:
            u: (B, 3, X, Y, Z) displacement in voxels.
            images: moving and fixed, (B, 1, X, Y, Z).
            maps: their label maps, integers of the same shape, or None.
            regularize: the method's.
        """
        loss = self.similarity(warp(images[0], u), images[1]) + regularize(u)
        if self.dice and maps is not None:
            loss = loss + self.dice * (1 - soft_dice_labels(*maps, u, self.labels))
        return loss
