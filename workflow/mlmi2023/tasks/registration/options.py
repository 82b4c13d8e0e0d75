"""Keys of ``train`` that training on pairs reads beside the schedule."""

from typing import Literal

from mlmi2023.core.conditions import Positive, Share
from mlmi2023.training.loop.options import Training


class PairSchedule(Training):
    """Adam with amsgrad; how its rate falls (:mod:`~mlmi2023.training.loop.optimisers`)."""

    decay: Literal["poly", "cosine"] = "poly"
    power: Positive = 0.9
    floor: Share = 0.0
