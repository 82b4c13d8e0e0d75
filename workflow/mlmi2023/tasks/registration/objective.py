"""The training loss of a pair of images: similarity, a regulariser, and Dice where labels supervise."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.losses.mind import MINDSSC
from mlmi2023.losses.overlap import one_hot, soft_dice, soft_dice_labels
from mlmi2023.losses.similarity import LNCC

#: (warped, fixed) -> scalar, lower for more alike images
Similarity = Callable[[Tensor, Tensor], Tensor]
#: field (B, 3, X, Y, Z) in voxels -> scalar
Regularizer = Callable[[Tensor], Tensor]
Two = tuple[Tensor, Tensor]


def mean_square(warped: Tensor, fixed: Tensor) -> Tensor:
    """Return the mean squared difference of two images, in float32 whatever the autocast state."""
    with torch.autocast(warped.device.type, enabled=False):
        return (warped.float() - fixed.float()).square().mean()


SIMILARITIES: dict[str, Callable[[Mapping[str, Any]], Similarity]] = {
    "lncc": lambda loss: LNCC(window=int(loss.get("window", 9))),
    "mind_ssc": lambda loss: MINDSSC(loss.get("radius", 1), loss.get("dilation", 2)),
    "mse": lambda loss: mean_square,
}


def make_similarity(loss: Mapping[str, Any]) -> Similarity:
    """Return the similarity of ``task.loss``: ``lncc`` (``window``), ``mind_ssc`` (``radius``, ``dilation``)
    or ``mse``.

    Raises:
        InputError: another one is asked for.
    """
    kind = loss.get("similarity")
    if kind not in SIMILARITIES:
        raise InputError(f"config key task.loss.similarity is {kind!r}; choose {', '.join(SIMILARITIES)}")
    return SIMILARITIES[kind](loss)


class Objective:
    """similarity + regulariser + ``dice`` * (1 - soft Dice of warped labels).

    Attributes:
        similarity: of the images.
        dice: weight of the overlap; 0: labels are not looked at in training.
        labels: ids that count, in training and in validation.
    """

    def __init__(self, loss: Mapping[str, Any], packed: Packed, labels: Iterable[int]) -> None:
        """Read ``task.loss``: that of :func:`make_similarity`, and ``dice``.

        Raises:
            InputError: labels are to supervise and there are none.
        """
        self.similarity = make_similarity(loss)
        self.dice = float(loss.get("dice", 0.0))
        self.labels = sorted(labels)
        if self.dice and not self.labels:
            raise InputError(
                f"config key task.loss.dice: cohort '{packed.name}' has no labels to learn from; set it to 0"
            )

    def __call__(self, u: Tensor, images: Two, maps: Two | None, regularize: Regularizer) -> Tensor:
        """Return the loss of a batch, a float32 scalar.

        Args:
            u: (B, 3, X, Y, Z) displacement in voxels.
            images: moving and fixed, (B, 1, X, Y, Z).
            maps: their label maps, integers of the same shape, or None.
            regularize: penalty on the field.
        """
        loss = self.similarity(warp(images[0], u), images[1]) + regularize(u)
        if self.dice and maps is not None:
            loss = loss + self.dice * (1 - soft_dice_labels(*maps, u, self.labels))
        return loss

    def quality(self, u: Tensor, images: Two, maps: Two | None) -> Tensor:
        """Return what validation goes by: the Dice of warped labels or, without labels, the similarity.

        Args:
            u: (B, 3, X, Y, Z) displacement in voxels.
            images: moving and fixed, (B, 1, X, Y, Z).
            maps: their label maps, or None.
        """
        if maps is None or not self.labels:
            return -self.similarity(warp(images[0], u), images[1])
        warped = warp(maps[0], u, mode="nearest")
        return soft_dice(one_hot(warped, self.labels), one_hot(maps[1], self.labels))
