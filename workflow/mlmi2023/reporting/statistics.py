"""Effect, confidence interval and p value of one comparison, over cases and seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.reporting.expressions import Selector
from mlmi2023.reporting.samples import Sample

RESAMPLES = 4000
LEVEL = 0.95
SEED = 2023


@dataclass(frozen=True)
class Estimate:
    """An effect with its spread.

    Attributes:
        effect: value of the comparison at the means; positive supports the claim.
        low: lower end of the 95 % interval.
        high: upper end.
        p: two-sided p of the t test over cases; NaN where the effect does not vary smoothly (a count).
        n: cases (of the smallest group where cases are not shared).
        seeds: fewest and most seeds of a method.
        paired: whether all values come from the same cases.
        note: what a reader must know of how it was computed.
        detectable: smallest effect that is told from zero in four of five repeats; NaN for a count.
    """

    effect: float
    low: float
    high: float
    p: float
    n: int
    seeds: tuple[int, int]
    paired: bool
    note: str
    detectable: float


def estimate(
    effect: Callable[[Callable[[Selector], Any]], Any],
    samples: Mapping[Selector, Sample],
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate ``effect`` from samples.

    Cases are paired: all methods are looked at on the cases they share, and a resample draws the same cases
    for all. Different datasets, and methods with fewer than three cases in common, are drawn independently.
    Seeds are drawn per method, independently of cases (the crossed bootstrap), since seed 1 of one network
    has nothing to do with seed 1 of another. The interval is the percentile one, widened about the effect for
    few cases by t/z and sqrt(n/(n-1)). The t test is over the cases' contributions to the effect, which for a
    difference of two means are the paired differences; for ``max`` and ``abs`` it holds the side that is
    active at the means (delta method).

    Args:
        effect: takes a lookup from selector to mean (a number, or an array of resampled means).
        samples: the values of every selector in ``effect``.
        resamples: bootstrap resamples.
    """
    from scipy import stats

    groups, note = _groups(samples)
    values = {s: samples[s].take(cases) for cases, members in groups for s in members}
    means = {s: float(v.mean()) for s, v in values.items()}
    point = float(effect(means.__getitem__))

    rng = np.random.default_rng(SEED)
    draws: dict[Selector, np.ndarray] = {}
    seed_weights: dict[tuple[str, str, tuple[int, ...]], np.ndarray] = {}
    for cases, members in groups:
        case_weights = _weights(rng, resamples, len(cases))
        for s in members:
            key = (s.dataset, s.method, samples[s].seeds)
            if key not in seed_weights:
                seed_weights[key] = _weights(rng, resamples, len(samples[s].seeds))
            draws[s] = np.einsum("bc,bc->b", seed_weights[key] @ values[s], case_weights)
    resampled = np.broadcast_to(np.asarray(effect(draws.__getitem__), float), (resamples,))
    n = min(len(cases) for cases, _ in groups)
    if n > 1 and np.isfinite(resampled).all():
        tail = (1 - LEVEL) / 2
        # resamples of n cases spread too little by sqrt((n-1)/n), and without the t distribution's tails
        widen = stats.t.ppf(tail, n - 1) / stats.norm.ppf(tail) * np.sqrt(n / (n - 1))
        low, high = point + widen * (np.quantile(resampled, [tail, 1 - tail]) - point)
    else:
        low = high = np.nan
    counts = [samples[s].n_seeds for s in samples]
    return Estimate(
        point,
        float(low),
        float(high),
        _p_value(effect, means, values, groups, point),
        n,
        (min(counts), max(counts)),
        len(groups) == 1,
        note,
        float("nan"),
    )


def _weights(rng: np.random.Generator, resamples: int, n: int) -> np.ndarray:
    """Return how often each of ``n`` units is drawn, as shares, (resamples, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n


def _groups(samples: Mapping[Selector, Sample]) -> tuple[list[tuple[list[str], list[Selector]]], str]:
    """Return [(cases, selectors that share them)] and a note on cases that were left out or not shared."""
    by_dataset: dict[tuple[str, bool], list[Selector]] = {}
    for s in samples:
        by_dataset.setdefault((s.dataset, samples[s].runs), []).append(s)
    groups, notes = [], []
    for (dataset, _), members in by_dataset.items():
        sets = [set(samples[s].cases) for s in members]
        shared = sorted(set.intersection(*sets))
        if len(shared) >= min(3, *map(len, sets)):
            groups.append((shared, members))
            most = max(len(cases) + samples[s].dropped for cases, s in zip(sets, members))
            if most > len(shared):
                notes.append(f"{len(shared)} of {most} cases on {dataset} have all values")
        else:
            groups += [(sorted(samples[s].cases), [s]) for s in members]
            notes.append(f"cases on {dataset} are not shared, so the comparison is unpaired")
    if len(by_dataset) > 1:
        notes.append("values from different cases, so the comparison is unpaired")
    return groups, "; ".join(notes)


def _p_value(
    effect: Callable[[Callable[[Selector], Any]], Any],
    means: dict[Selector, float],
    values: dict[Selector, np.ndarray],
    groups: list[tuple[list[str], list[Selector]]],
    point: float,
) -> float:
    """Two-sided t test of effect = 0: one sample over cases in one group, Welch over several groups."""
    from scipy import stats

    if not np.isfinite(point):
        return float("nan")
    variances, ns = [], []
    for cases, members in groups:
        spread = np.zeros(len(cases))
        for s in members:
            step = 1e-5 * max(abs(means[s]), 1e-3)
            up, down = ({**means, s: means[s] + sign * step} for sign in (1, -1))
            slope = (effect(up.__getitem__) - effect(down.__getitem__)) / (2 * step)
            spread += float(slope) * (values[s].mean(axis=0) - means[s])
        if len(cases) < 2:
            return float("nan")
        variances.append(float(spread.var(ddof=1)) / len(cases))
        ns.append(len(cases))
    error = sum(variances)
    scale = max([abs(m) for m in means.values()] + [1e-12])
    if np.sqrt(error) < 1e-12 * scale:  # no case differs from another: a count, or equal methods
        return 1.0 if abs(point) < 1e-12 * scale else float("nan")
    freedom = error**2 / sum(v**2 / (n - 1) for v, n in zip(variances, ns))
    return float(2 * stats.t.sf(abs(point) / np.sqrt(error), freedom))
