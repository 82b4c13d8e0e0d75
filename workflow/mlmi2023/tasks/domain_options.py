"""Keys of ``task`` that say which domains train and which are tested."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Number, Share, filled
from mlmi2023.core.options import Options

#: domains by name
Domains = Annotated[list[str], filled]


class AcrossDomains(Options):
    """Train on some domains, test on others (:func:`mlmi2023.cohorts.find.domains.domain_parts`).

    Attributes:
        targets: domains that are tested.
        sources: domains that train; None: all others.
        val: share of the sources' patients who validate.
        shots: images of each target with labels, or below 1 a share of its patients.
        draw: number of their draw; ``seed``: that of the run.
        split_seed: of the validation split; ``seed``: that of the run.
        unlabelled: share of each target's patients whose images are given without labels; ``test``: the
            tested images themselves.
    """

    targets: Domains
    sources: Domains | None = None
    val: Share = 0.2
    shots: Amount = 0
    draw: Number | Literal["seed"] = "seed"
    split_seed: Number | Literal["seed"] = "seed"
    unlabelled: Share | Literal["test"] = 0
