"""Effect, standard error, interval, p and smallest detectable effect of one comparison: one model for all.

**Model.** The value of method m, trained with seed s, on case c is

    y[m, s, c] = mu[m] + a[m, c] + b[m, s] + e[m, s, c]

with the cases, the seeds and the rest all drawn at random: a case counts alike for all seeds and methods that
are looked at on it (cases are paired), a seed of a method alike for all its cases, and seeds of different
methods have nothing to do with each other. An effect E that is a function of the means has, by the delta
method, the variance

    V = sum over groups of cases of  var_c(d) / C   (d[c]: what case c contributes to E, a mean over seeds)
      + sum over methods of          var_s(g) / S   (g[s]: what seed s contributes to E, a mean over cases)
      - the part that both of these count: var(e) / (S C),

never less than either of the first two alone. Its degrees of freedom are Satterthwaite's. Interval, p and the
smallest detectable effect all come from E, the root of V and that t distribution, so that p < 0.05 exactly
where the 95 % interval excludes zero. With one seed it is the paired t test over cases (over several groups
of cases, Welch's), and says nothing of other seeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from mlmi2023.reporting.claims.expressions import Selector
from mlmi2023.reporting.samples import Sample

LEVEL, POWER = 0.95, 0.80
RESAMPLES = 4000
SEED = 2023

Lookup = Callable[[Selector], Any]
#: [(cases, selectors that share them)]
Groups = list[tuple[list[str], list[Selector]]]
#: A method's seeds: what is drawn together.
Trained = tuple[str, str, tuple[int, ...]]


@dataclass(frozen=True)
class Estimate:
    """An effect with its spread.

    Attributes:
        effect: value of the comparison at the means; positive supports the claim.
        low: lower end of the 95 % interval; NaN with fewer than two cases.
        high: upper end.
        p: two-sided p of no effect, below 0.05 exactly where the interval excludes zero; NaN where the effect
            does not vary smoothly (a count).
        n: cases (of the smallest group where cases are not shared).
        seeds: fewest and most seeds of a method.
        paired: whether all values come from the same cases.
        note: what a reader must know of how it was computed.
        detectable: smallest effect that is told from zero in four of five repeats (80 % power); NaN for a
            count.
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


def estimate(effect: Callable[[Lookup], Any], samples: Mapping[Selector, Sample]) -> Estimate:
    """Estimate ``effect`` from samples by the model of this module.

    Cases are paired: all methods are looked at on the cases they share. Different datasets, and methods with
    fewer than three cases in common, are independent groups of cases. For ``max`` and ``abs`` the side counts
    that is active at the means. A count does not vary smoothly: its interval is from the crossed bootstrap.

    Args:
        effect: takes a lookup from selector to mean (a number, or an array of resampled means).
        samples: the values of every selector in ``effect``.
    """
    from scipy import stats

    groups, note = _groups(samples)
    values = {s: samples[s].take(cases) for cases, members in groups for s in members}
    means = {s: float(v.mean()) for s, v in values.items()}
    point = float(effect(means.__getitem__))
    n = min(len(cases) for cases, _ in groups)
    counts = [samples[s].n_seeds for s in samples]
    low = high = p = detectable = nan
    if n > 1 and np.isfinite(point):
        slopes = _slopes(effect, means)
        error, freedom = _error(slopes, values, groups, samples)
        scale = max([abs(m) for m in means.values()] + [1e-12])
        if not any(slopes.values()):
            low, high = _count_interval(effect, values, groups, samples, point)
        elif error < 1e-12 * scale:  # no case or seed differs from another
            equal = abs(point) < 1e-12 * scale
            low = high = 0.0 if equal else point
            p, detectable = (1.0 if equal else 0.0), 0.0
        else:
            reach = stats.t.ppf((1 + LEVEL) / 2, freedom)
            low, high = point - reach * error, point + reach * error
            p = 2 * stats.t.sf(abs(point) / error, freedom)
            detectable = (reach + stats.t.ppf(POWER, freedom)) * error
    return Estimate(
        point,
        float(low),
        float(high),
        float(p),
        n,
        (min(counts), max(counts)),
        len(groups) == 1,
        note,
        float(detectable),
    )


def _slopes(effect: Callable[[Lookup], Any], means: Mapping[Selector, float]) -> dict[Selector, float]:
    """Return the derivative of the effect by each mean.

    Where the means lie on a kink (two equal sides of ``max``, ``abs`` of 0) it is taken a hair beside it.
    """
    steps = {s: 1e-5 * max(abs(m), 1e-3) for s, m in means.items()}

    def sides(at: Mapping[Selector, float], s: Selector) -> tuple[float, float]:
        middle = float(effect(at.__getitem__))
        up, down = (float(effect({**at, s: at[s] + sign * steps[s]}.__getitem__)) for sign in (1, -1))
        return (up - middle) / steps[s], (middle - down) / steps[s]

    found = {s: sides(means, s) for s in means}
    if any(abs(up - down) > 1e-3 * max(abs(up), abs(down)) for up, down in found.values()):
        beside = {s: m + 3 * (k + 1) * steps[s] for k, (s, m) in enumerate(means.items())}
        found = {s: sides(beside, s) for s in means}
    return {s: (up + down) / 2 for s, (up, down) in found.items()}


def _error(
    slopes: Mapping[Selector, float],
    values: Mapping[Selector, np.ndarray],
    groups: Groups,
    samples: Mapping[Selector, Sample],
) -> tuple[float, float]:
    """Return the standard error of the effect and its degrees of freedom."""
    by_case: list[tuple[float, int]] = []
    by_seed: dict[Trained, Any] = {}
    both = 0.0
    for cases, members in groups:
        own: dict[Trained, Any] = {}  # (S, C): what each seed and case contributes
        for s in members:
            key = _trained(s, samples[s])
            own[key] = own.get(key, 0.0) + slopes[s] * values[s]
        by_case.append(
            (float(sum(v.mean(axis=0) for v in own.values()).var(ddof=1)) / len(cases), len(cases))
        )
        for key, part in own.items():
            by_seed[key] = by_seed.get(key, 0.0) + part.mean(axis=1)
            count = len(part)
            if count > 1:
                rest = part - part.mean(axis=0) - part.mean(axis=1, keepdims=True) + part.mean()
                both += float((rest**2).sum()) / ((count - 1) * (len(cases) - 1)) / part.size
    seeds = [(float(g.var(ddof=1)) / len(g), len(g)) for g in by_seed.values() if len(g) > 1]
    cases_alone, seeds_alone = (sum(v for v, _ in parts) for parts in (by_case, seeds))
    variance = max(cases_alone + seeds_alone - both, cases_alone, seeds_alone)
    spread = sum(v**2 / (n - 1) for v, n in by_case + seeds)
    least = min(n - 1 for v, n in by_case + seeds if v > 0) if spread else 1
    return float(np.sqrt(variance)), max(variance**2 / spread, least) if spread else 1.0


def _trained(selector: Selector, sample: Sample) -> Trained:
    return selector.dataset, selector.method, sample.seeds


def _count_interval(
    effect: Callable[[Lookup], Any],
    values: Mapping[Selector, np.ndarray],
    groups: Groups,
    samples: Mapping[Selector, Sample],
    point: float,
) -> tuple[float, float]:
    """Return the interval of an effect that jumps: percentiles over resampled cases and seeds.

    It is widened about the effect for few cases by t/z and sqrt(n/(n-1)).
    """
    from scipy import stats

    rng = np.random.default_rng(SEED)
    draws: dict[Selector, np.ndarray] = {}
    seed_weights: dict[Trained, np.ndarray] = {}
    for cases, members in groups:
        case_weights = _weights(rng, len(cases))
        for s in members:
            key = _trained(s, samples[s])
            if key not in seed_weights:
                seed_weights[key] = _weights(rng, len(samples[s].seeds))
            draws[s] = np.einsum("bc,bc->b", seed_weights[key] @ values[s], case_weights)
    resampled = np.broadcast_to(np.asarray(effect(draws.__getitem__), float), (RESAMPLES,))
    if not np.isfinite(resampled).all():
        return nan, nan
    n, tail = min(len(cases) for cases, _ in groups), (1 - LEVEL) / 2
    widen = stats.t.ppf(tail, n - 1) / stats.norm.ppf(tail) * np.sqrt(n / (n - 1))
    low, high = point + widen * (np.quantile(resampled, [tail, 1 - tail]) - point)
    return float(low), float(high)


def _weights(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return how often each of ``n`` units is drawn, as shares, (RESAMPLES, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n


def _groups(samples: Mapping[Selector, Sample]) -> tuple[Groups, str]:
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
