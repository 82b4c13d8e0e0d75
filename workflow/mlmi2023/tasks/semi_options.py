"""Keys of learning from images without labels (:mod:`mlmi2023.tasks.segmentation.semi_supervised`)."""

from typing import Literal

from mlmi2023.core.conditions import Amount, Count, Positive, Share
from mlmi2023.core.options import Options


class _Unlabelled(Options):
    """What all of them have.

    Attributes:
        weight: of the loss of images without labels, at its full size.
        ramp: share of the steps in which it rises to that.
        images: that are learned from, the first ones of their split; null: all.
    """

    weight: Amount = 1.0
    ramp: Share = 0.4
    images: Count | None = None


class Entropy(_Unlabelled):
    """Answers shall be sure: the entropy of ADVENT (Vu et al. 2019), without its adversary."""

    name: Literal["entropy"]


class MeanTeacher(_Unlabelled):
    """Answers shall be those of an average of earlier networks (Tarvainen and Valpola 2017).

    Attributes:
        ema: decay of the average.
        noise: standard deviation of what is added to the images that both see, to each its own.
    """

    name: Literal["mean_teacher"]
    ema: Share = 0.99
    noise: Amount = 0.05


class Interpolation(_Unlabelled):
    """The answer to a mixed image shall be the mixed answer of the teacher (ICT, Verma et al. 2022).

    Attributes:
        ema: decay of the teacher.
        alpha: the share of the first image is drawn from Beta(alpha, alpha).
    """

    name: Literal["interpolation"]
    ema: Share = 0.99
    alpha: Positive = 0.2


class CrossPseudo(_Unlabelled):
    """Two networks label images for each other (CPS, Chen et al. 2021); the first one is kept."""

    name: Literal["cross_pseudo"]


SemiSupervised = Entropy | MeanTeacher | Interpolation | CrossPseudo
