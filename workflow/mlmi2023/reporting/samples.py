"""The values behind a reference: one number per seed and case."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlmi2023.reporting.claims.expressions import Selector


@dataclass(frozen=True)
class Sample:
    """Values (S, C) of S seeds by C cases; folds, and settings that were not asked for, are averaged.

    Attributes:
        values: (S, C), all finite.
        seeds: S seed numbers.
        cases: C case names.
        dropped: cases left out since a seed has no value there.
        runs: True when the metric has one value per run: then the runs are the cases, and S is 1.
    """

    values: np.ndarray
    seeds: tuple[int, ...]
    cases: tuple[str, ...]
    dropped: int = 0
    runs: bool = False

    @property
    def per_case(self) -> np.ndarray:
        """Mean over seeds, (C,)."""
        return self.values.mean(axis=0)

    @property
    def n_seeds(self) -> int:
        """Number of different seeds, whichever way the values are laid out."""
        return len({case.split("_")[0] for case in self.cases}) if self.runs else len(self.seeds)

    def take(self, cases: list[str]) -> np.ndarray:
        """Return the values (S, len(cases)) of these cases in this order."""
        place = {case: i for i, case in enumerate(self.cases)}
        return self.values[:, [place[case] for case in cases]]


class Samples:
    """Looks values up in a tidy frame (:mod:`mlmi2023.core.tidy`)."""

    def __init__(self, frame: pd.DataFrame) -> None:
        """Split the frame once; look-ups are then cheap."""
        self._parts = {
            tuple(map(str, key)): part  # type: ignore[arg-type]
            for key, part in frame.groupby(["dataset", "method", "metric"], sort=False)
        }
        self._known: dict[Selector, Sample | None] = {}

    def methods(self, dataset: str) -> list[str]:
        """Return the methods that have values on ``dataset``, in order of appearance."""
        return list(dict.fromkeys(method for d, method, _ in self._parts if d == dataset))

    def conditions(self, dataset: str, metric: str) -> list[tuple[str, str]]:
        """Return the settings and labels under which any method has values, in order of appearance."""
        parts = [part for (d, _, m), part in self._parts.items() if (d, m) == (dataset, metric)]
        return list(dict.fromkeys(pair for part in parts for pair in zip(part["setting"], part["label"])))

    def unnamed(self, dataset: str, method: str) -> bool:
        """Return whether a method has values on ``dataset`` under the unnamed setting."""
        return any(
            "" in set(part["setting"])
            for (d, m, _), part in self._parts.items()
            if (d, m) == (dataset, method)
        )

    def get(self, selector: Selector) -> Sample | None:
        """Return the sample, or None where there is no complete value.

        Without a setting: the unnamed setting where there is one, else the mean over all. Without a label:
        ``mean`` (over structures) where there is one, else the unlabelled value. A case counts when every
        seed has it. A metric whose case is empty is one of whole runs.
        """
        if selector not in self._known:
            self._known[selector] = self._find(selector)
        return self._known[selector]

    def _find(self, selector: Selector) -> Sample | None:
        part = self._parts.get((selector.dataset, selector.method, selector.metric))
        if part is None:
            return None
        names = set(part["setting"])
        if selector.setting is None and not selector.factors and "" in names:
            names = {""}
        else:
            names = {name for name in names if selector.takes_setting(name)}
        part = part[part["setting"].isin(names)]
        labels = set(part["label"])
        label = selector.label
        if label is None:
            label = "mean" if "mean" in labels else ""
        part = part[part["label"] == label]
        if part.empty:
            return None
        runs = set(part["case"]) == {""}
        if runs:
            names_of_runs = "seed-" + part["seed"].astype(str) + "_fold-" + part["fold"].astype(str)
            part = part.assign(case=names_of_runs, seed=0)
        # pivot_table sorts seeds and cases, so that the bootstrap does not depend on the order of rows
        table = part.pivot_table(
            index="seed", columns="case", values="value", aggfunc=_strict_mean, dropna=False
        )
        values = table.to_numpy(float)
        whole = np.isfinite(values).all(axis=0)
        if not whole.any():
            return None
        cases = tuple(str(case) for case, keep in zip(table.columns, whole) if keep)
        return Sample(values[:, whole], tuple(map(int, table.index)), cases, int((~whole).sum()), runs)


def _strict_mean(values: pd.Series) -> float:
    """Mean that is NaN when any value is, so that an incomplete case is dropped and not shifted."""
    return float(np.mean(values.to_numpy()))
