"""The keys of a stand-in table and their check; ``config/cohorts/tadpole_like.yaml`` explains each."""

from collections import Counter
from typing import Annotated, Any, Literal

from mlmi2023.core.conditions import Amount, Count, Number, Positive, Share, above, filled
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import Options, read
from mlmi2023.core.schemas import suggest
from mlmi2023.core.values import Mistake


class Block(Options):
    """Features of one kind."""

    features: Count
    factors: Number = 0
    factor_share: Share = 0.5
    kind: Literal["continuous", "ordinal"] = "continuous"
    missing: Share = 0.0
    absent: Share = 0.0


class Community(Options):
    """Communities of alike subjects, and the features that show them."""

    count: Count
    dims: Count
    spread: Amount
    block: str
    features: Number
    noise: Share


class Signal(Options):
    """Features of a block that bear on a target."""

    block: str
    features: Count
    correlation: Annotated[Share, above(0)]


class Target(Options):
    """Classes with their shares, and what bears on them."""

    classes: Annotated[dict[Any, Positive], filled]
    shared: Share
    signals: list[Signal]
    copies: Number = 0
    copy_correlation: Share | None = None

    def wrong(self) -> str:
        """Copies are as like as is said."""
        return "give copy_correlation too" if self.copies and self.copy_correlation is None else ""


class Table(Options):
    """All of it; there are no defaults, since no table is like another."""

    blocks: Annotated[dict[str, Block], filled]
    community: Community
    targets: Annotated[dict[str, Target], filled]

    def wrong(self) -> str:
        """Every block has the features that are taken from it."""
        taken: Counter[str] = Counter({self.community.block: self.community.features})
        for target in self.targets.values():
            for signal in target.signals:
                taken[signal.block] += signal.features
        for name, count in taken.items():
            if name not in self.blocks:
                return f"unknown block '{name}'{suggest(name, [*self.blocks])}"
            if count > self.blocks[name].features:
                return (
                    f"block '{name}' has {self.blocks[name].features} features, {count} bear on communities "
                    "and targets; raise its 'features'"
                )
        return ""


def read_options(config: dict[str, Any]) -> dict[str, Any]:
    """Return the cohort's options as they are given.

    Raises:
        InputError: an option is unknown, missing, of another type or out of range.
    """
    options: dict[str, Any] = config.get("options") or {}
    try:
        read(Table, options)
    except Mistake as mistake:
        raise InputError(mistake.line("options")) from None
    return options
