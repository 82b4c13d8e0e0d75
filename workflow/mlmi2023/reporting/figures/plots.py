"""Figures that every paper has: each table's main metric case by case, and the claims' intervals."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.drawing.style import FAINT, INK, save_figure, styled
from mlmi2023.reporting.claims.results import Result
from mlmi2023.reporting.claims.verdicts import NOT_JUDGED, NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED
from mlmi2023.reporting.reported import Reported
from mlmi2023.reporting.samples import Sample, Samples
from mlmi2023.reporting.tables.build import build_table, row_selector
from mlmi2023.reporting.tables.layout import Grid, build_grid

# Okabe and Ito's palette, which the colour-blind can tell apart
VERDICT_COLOURS = {
    REPRODUCED: "#009E73",
    NOT_REPRODUCED: "#D55E00",
    UNDECIDED: "#B8860B",
    NOT_TESTED: "#8A8F98",
    NOT_JUDGED: "#8A8F98",
}
ROLE_COLOURS = {
    "proposed": "#0072B2",
    "baseline": "#56B4E9",
    "ablation": "#CC79A7",
    "reference": "#009E73",
    "control": "#9AA0A8",
}
#: So many panels of a figure stand side by side.
PANELS = 3


def draw_table(reported: Reported, table_id: str, metrics: pd.DataFrame, stem: str | Path) -> None:
    """Draw the main metric (first column) of a table: a point per case, a box, and the reported mean and sd.

    A metric that says right or wrong of each case has the share of cases instead, with its interval and a
    point per seed; so has one of all cases together, of which a case's number is what it adds
    (:mod:`mlmi2023.metrics.contributions`) and means nothing by itself. A table of methods by settings or
    labels has a panel for each of these.

    Args:
        reported: the paper.
        table_id: one of its tables.
        metrics: tidy metrics.
        stem: output path without extension.
    """
    import matplotlib.pyplot as plt

    result = build_table(reported, table_id, metrics)
    metric = reported.metrics[result.table.columns[0]]
    grid = build_grid(reported, result.table, result.frame)
    shown = [place for place, column in enumerate(grid.columns) if column.metric.id == metric.id]
    across = min(PANELS, len(shown))
    down = -(-len(shown) // across)
    size = (6.6, 0.9 + 0.36 * len(grid.rows))  # inches
    if len(shown) > 1:
        size = (1.7 + 2.3 * across, 0.4 + down * (0.75 + 0.27 * len(grid.rows)))
    samples = Samples(metrics)
    rows = [
        (panel, y, line, samples.get(row_selector(result.table, line, metric.id)))
        for panel, place in enumerate(shown)
        for y, line in enumerate(row.cells[place] for row in grid.rows)
        if line is not None
    ]
    there = [sample for *_, sample in rows if sample is not None]
    right = _yes_or_no(there)
    pooled = _of_all_cases(there, metric.unit)
    rng = np.random.default_rng(0)
    with styled():
        figure, panels = plt.subplots(down, across, figsize=size, squeeze=False, layout="constrained")
        for panel, axes in enumerate(panels.flat):
            if panel >= len(shown):
                axes.set_visible(False)
                continue
            column = grid.columns[shown[panel]]
            for own, y, line, sample in rows:
                if own == panel and sample is not None:
                    colour = ROLE_COLOURS[line["role"]]
                    if right:
                        _draw_mean(axes, y, colour, sample, _wilson(sample, right))
                    elif pooled:
                        _draw_mean(axes, y, colour, sample, _spread(sample))
                    else:
                        _draw_cases(axes, y, colour, sample, rng)
                if own == panel:
                    _draw_reported(axes, y, line)
            axes.set_title(", ".join(filter(None, [column.outer, column.inner])), fontsize=9, loc="left")
            _name_rows(axes, grid, named=panel % across == 0)
        better = {1: "higher is better", -1: "lower is better", 0: ""}[metric.sign]
        details = ", ".join(filter(None, [metric.unit, better]))
        figure.supxlabel(f"{metric.name} ({details})" if details else metric.name, fontsize=9)
        one = {"marker": "o", "ls": "", "color": ROLE_COLOURS["proposed"], "label": "ours, one case"}
        if right:
            one = {**one, "ls": "-", "label": "ours, share of cases with 95 % interval, and each seed's"}
        elif pooled:
            one = {**one, "ls": "-", "label": "ours, of all cases with 95 % interval, and each seed's"}
        printed = {"marker": "D", "ls": "-", "color": INK, "lw": 0.8, "label": "reported mean ± sd"}
        marks = (one,) if result.table.own else (one, printed)
        handles = [plt.Line2D([], [], ms=4, **own) for own in marks]
        figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=8, borderpad=0)
        save_figure(figure, stem)


def _yes_or_no(samples: Sequence[Sample]) -> float:
    """Return the value of a case that is right, 1 or 100, where a metric is that or 0 for each; else 0."""
    values = np.unique(np.concatenate([sample.values.ravel() for sample in samples] or [np.zeros(0)]))
    runs = any(sample.runs for sample in samples)
    found = not runs and len(values) == 2 and values[0] == 0 and values[1] in (1, 100)
    return float(values[1]) if found else 0.0


def _draw_cases(axes: Any, y: int, colour: str, sample: Sample, rng: np.random.Generator) -> None:
    """Draw one method's cases, and a box."""
    values = sample.per_case
    axes.boxplot(
        values,
        positions=[y],
        orientation="horizontal",
        widths=0.55,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": colour, "alpha": 0.18, "edgecolor": "none"},
        medianprops={"color": colour, "linewidth": 1.6},
        whiskerprops={"color": colour, "linewidth": 0.8},
        capprops={"linewidth": 0},
    )
    jitter = rng.uniform(-0.2, 0.2, len(values))
    axes.scatter(values, y + jitter, s=9, color=colour, alpha=0.7, linewidths=0, zorder=3)


def _of_all_cases(samples: Sequence[Sample], unit: str) -> bool:
    """Whether cases have numbers that no score can have, above 1 or 100 %, though no method's mean has."""
    top = {"%": 100.0, "": 1.0, "fraction": 1.0}.get(unit)
    if top is None or not samples or any(sample.runs for sample in samples):
        return False
    top += 1e-6 * top
    means = [float(sample.values.mean()) for sample in samples]
    return min(means) >= 0 and max(means) <= top < max(float(sample.values.max()) for sample in samples)


def _wilson(sample: Sample, right: float) -> tuple[float, float]:
    """Return Wilson's interval over cases of how many are right."""
    from scipy.stats import binomtest

    share, cases = sample.values.mean() / right, sample.values.shape[1]
    interval = binomtest(round(share * cases), cases).proportion_ci(method="wilson")
    return right * interval.low, right * interval.high


def _spread(sample: Sample) -> tuple[float, float]:
    """Return the interval of the mean over cases, from their spread."""
    own = sample.per_case
    off = 1.96 * float(own.std(ddof=1)) / len(own) ** 0.5 if len(own) > 1 else 0.0
    return float(own.mean()) - off, float(own.mean()) + off


def _draw_mean(axes: Any, y: int, colour: str, sample: Sample, interval: tuple[float, float]) -> None:
    """Draw one method's mean over cases, its interval, and each seed's mean."""
    axes.hlines(y, *interval, color=colour, lw=5, alpha=0.25)
    axes.scatter([sample.values.mean()], [y], s=26, color=colour, linewidths=0, zorder=3)
    if len(sample.seeds) > 1:
        axes.scatter(
            sample.values.mean(1),
            [y] * len(sample.seeds),
            s=14,
            facecolor="white",
            edgecolor=colour,
            zorder=4,
        )


def _draw_reported(axes: Any, y: int, line: dict[str, Any]) -> None:
    """Draw what the paper prints, beneath a method's own values."""
    if isfinite(line["reported_mean"]):
        sd = line["reported_sd"]
        axes.errorbar(
            line["reported_mean"],
            y + 0.36,
            xerr=sd if isfinite(sd) else None,
            fmt="D",
            markersize=4,
            color=INK,
            elinewidth=0.8,
            zorder=4,
        )


def _name_rows(axes: Any, grid: Grid, named: bool) -> None:
    """Write the methods' names at the left of a panel, faint where nothing was run."""
    names = [", ".join(filter(None, [row.method.name, row.condition])) for row in grid.rows]
    axes.set_yticks(range(len(names)), names if named else [""] * len(names))
    for tick, row in zip(axes.get_yticklabels(), grid.rows):
        tick.set_fontweight("bold" if row.method.role == "proposed" else "normal")
        tick.set_color(INK if row.ran else "#8A8F98")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def draw_claims(results: Sequence[Result], stem: str | Path) -> None:
    """Draw every claim's effect with its 95 % interval, each on its own axis, since their units differ.

    Zero is the solid line, the paper's own effect the open diamond; right of zero supports the claim.
    """
    import matplotlib.pyplot as plt

    with styled():
        figure, rows = plt.subplots(
            max(len(results), 1), 1, figsize=(6.6, 0.35 + 0.72 * max(len(results), 1)), squeeze=False
        )
        for axes, result in zip(rows[:, 0], results):
            _draw_claim(axes, result)
        rows[-1, 0].set_xlabel("effect, in the metric's unit; right of the line supports the claim")
        figure.subplots_adjust(hspace=1.6, left=0.2, right=0.98)
        save_figure(figure, stem)


def _draw_claim(axes: Any, result: Result) -> None:
    colour = VERDICT_COLOURS[result.verdict]
    check = result.check if len(result.check) <= 110 else result.check[:107] + "..."
    axes.set_title(check, fontsize=6.8, loc="left", color="#6A727C", pad=1.5)
    axes.set_yticks([0], [f"{result.id}  {result.verdict}"])
    axes.get_yticklabels()[0].set_color(colour)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7.5, length=2)
    axes.spines["left"].set_visible(False)
    shown = [v for v in (result.effect, result.low, result.high, result.margin) if isfinite(v)]
    reach = 1.15 * max([abs(v) for v in shown] + [1e-9])
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-1, 1)
    axes.locator_params(axis="x", nbins=7)
    axes.axvline(0, color=INK, linewidth=0.9)
    if isfinite(result.low):
        axes.hlines(0, result.low, result.high, color=colour, linewidth=3.2, alpha=0.55)
    if isfinite(result.effect):
        axes.scatter([result.effect], [0], s=34, color=colour, zorder=3)
    else:
        axes.spines["bottom"].set_color(FAINT)
    if isfinite(result.margin):
        axes.scatter([result.margin], [0], s=34, marker="D", facecolor="none", edgecolor=INK, zorder=4)
