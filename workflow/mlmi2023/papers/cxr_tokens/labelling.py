"""Findings that a report speaks of, by a labeller that the task names."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mlmi2023.cohorts.sources.simulators.chest_xrays.labeller import read_findings
from mlmi2023.cohorts.sources.simulators.chest_xrays.vocabulary import KINDS
from mlmi2023.papers.cxr_tokens.measures import ABSENT, NOTHING, PRESENT, UNCERTAIN
from mlmi2023.papers.cxr_tokens.options import CheXbert, Task

#: by state of a statement; of several about one finding the strongest counts, which stands first
STATES = {"present": PRESENT, "possible": UNCERTAIN, "absent": ABSENT}


class Labeller(Protocol):
    """Reads ``kinds`` of findings off texts."""

    kinds: Sequence[str]

    def states(self, texts: Sequence[str]) -> np.ndarray:
        """Return what texts say of each finding, (n, K): 0 nothing, 1 present, 2 absent, 3 uncertain."""


class RuleLabeller:
    """The rules of the grammar that the stand-in's reports come from."""

    kinds: Sequence[str] = tuple(KINDS)

    def states(self, texts: Sequence[str]) -> np.ndarray:
        """Return the states (n, K)."""
        order = list(STATES)
        places = {kind: number for number, kind in enumerate(self.kinds)}
        found = np.full((len(texts), len(places)), NOTHING)
        for row, text in enumerate(texts):
            said = sorted(read_findings(text), key=lambda one: -order.index(one.state))
            for one in said:
                found[row, places[one.kind]] = STATES[one.state]
        return found


def labeller_of(task: Task, device: str = "auto") -> Labeller:
    """Return the task's labeller.

    Raises:
        InputError: files of CheXbert are missing or do not fit.
    """
    if isinstance(task.labeller, CheXbert):
        from mlmi2023.papers.cxr_tokens.chexbert import CheXbertLabeller

        return CheXbertLabeller(task.labeller, device)
    return RuleLabeller()
