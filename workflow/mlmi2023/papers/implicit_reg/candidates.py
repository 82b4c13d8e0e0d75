"""The grid search of Sect. 4.2: one network per set of weights, and the choice among them by validation."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.nets.registration.builders import build_registration_net

SCORE, STD_LOG_J = range(2)


class Candidates(nn.Module):
    """The kept networks of a method, one for each of its regularisers, with what validation said of them.

    Attributes:
        nets: as many networks as candidates, alike at the start.
        validation: (K, 2) float32, validation score and standard deviation of the log Jacobian of each; NaN
            where nothing was validated.
    """

    validation: Tensor

    def __init__(self, net: nn.Module, count: int) -> None:
        """Make ``count`` candidates that all start as ``net``."""
        super().__init__()
        self.nets = nn.ModuleList(copy.deepcopy(net) for _ in range(count))
        self.register_buffer("validation", torch.full((count, 2), float("nan")))

    def keep(self, candidate: int, live: nn.Module, score: Tensor, std_log_j: Tensor) -> None:
        """Take over the weights of ``live`` if it validates better than what is kept."""
        best = self.validation[candidate, SCORE]
        if bool(torch.isnan(best)) or bool(score > best):
            self.nets[candidate].load_state_dict(live.state_dict())
            self.validation[candidate] = torch.stack((score, std_log_j)).to(self.validation)


def build_candidates(options: Mapping[str, Any], shape: Sequence[int]) -> Candidates:
    """Return the candidates of a learned method.

    Args:
        options: ``net`` (see :func:`~mlmi2023.nets.registration.builders.build_registration_net`) and
            ``regularisers``, a list of at least one.
        shape: image size (X, Y, Z).

    Raises:
        InputError: a key is missing.
    """
    for key in ("net", "regularisers"):
        if not options.get(key):
            raise InputError(f"config key methods.<method>.{key} is missing; a learned method needs it")
    return Candidates(build_registration_net(options["net"], shape), len(options["regularisers"]))


def choose(validation: np.ndarray, max_std_log_j: float | None) -> int | None:
    """Return the candidate with the best validation score among those that are smooth enough.

    Args:
        validation: (K, 2) as in :class:`Candidates`.
        max_std_log_j: limit of the validation fields' standard deviation of the log Jacobian; None: no limit.

    Returns:
        None if no candidate keeps to the limit. The only candidate of a method needs no validation.
    """
    score, rough = np.asarray(validation, float).T
    allowed = np.ones(len(score), bool) if max_std_log_j is None else rough <= max_std_log_j
    if len(score) == 1 and max_std_log_j is None:
        return 0
    allowed &= ~np.isnan(score)
    if not allowed.any():
        return None
    return int(np.flatnonzero(allowed)[np.argmax(score[allowed])])
