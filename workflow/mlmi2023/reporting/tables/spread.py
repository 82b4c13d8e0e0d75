"""How far methods lie apart, beside how far seeds of one method do: can a table tell methods apart at all?"""

from dataclasses import asdict, dataclass
from math import isfinite, nan

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Spread:
    """Spreads of a table's main metric (first column); NaN where they cannot be had.

    Attributes:
        methods: standard deviation of the methods' means, controls left out, pooled over settings and labels.
        seeds: standard deviation of the seeds' means of one method, pooled over all rows with several seeds.
        ratio: methods / seeds; near 1, seeds explain the differences between methods.
    """

    methods: float
    seeds: float
    ratio: float

    def about(self) -> dict[str, float | None]:
        """Return it for a JSON file, with None for NaN."""
        return {key: value if isfinite(value) else None for key, value in asdict(self).items()}

    def say(self, metric: str) -> str:
        """Return in words how far methods lie apart beside seeds; empty where that cannot be had."""
        if not (isfinite(self.methods) and isfinite(self.seeds)):
            return ""
        if not isfinite(self.ratio):
            return f"{metric}: the seeds of one method do not differ"
        sizes = f"standard deviations {self.methods:.3g} and {self.seeds:.3g}"
        return f"{metric}: methods differ {self.ratio:.1f} times as much as seeds of one method ({sizes})"


def spread_of(frame: pd.DataFrame, metric: str) -> Spread:
    """Return the spreads of ``metric`` in a table's long form (:data:`.build.COLUMNS`)."""
    rows = frame[(frame["metric"] == metric) & (frame["role"] != "control")].dropna(subset=["mean"])
    parts = [part["mean"].to_numpy() for _, part in rows.groupby(["setting", "label"], sort=False)]
    methods = _pooled([(part.var(ddof=1), len(part) - 1) for part in parts if len(part) > 1])
    several = rows.dropna(subset=["sd_seeds"])
    seeds = _pooled([(sd**2, n - 1) for sd, n in zip(several["sd_seeds"], several["n_seeds"])])
    return Spread(methods, seeds, methods / seeds if seeds > 0 else nan)


def _pooled(variances: list[tuple[float, int]]) -> float:
    """Return the root of the mean variance, weighted by degrees of freedom."""
    freedom = sum(n for _, n in variances)
    return float(np.sqrt(sum(v * n for v, n in variances) / freedom)) if freedom else nan
