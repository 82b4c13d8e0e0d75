"""The figure that the text describes: which features get attention, and whether these go with the class."""

from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.table.reader import open_table
from mlmi2023.core.errors import InputError
from mlmi2023.drawing.style import FAINT, INK
from mlmi2023.papers.ia_gcn.evaluate import INSIDE
from mlmi2023.papers.ia_gcn.measures import TOP, class_correlations
from mlmi2023.tasks.runs import Runs, read_arrays

RELEVANT, POPULATION = "#D55E00", "#0072B2"  # safe for the colour-blind
SHOWN = 40  # features of the left panel


def _mask(runs: Runs) -> Any:
    """Draw the attention of the first method that has any."""
    import matplotlib.pyplot as plt

    name, attention = _attention(runs)
    table, target = open_table(runs.job.data), runs.job.task["target"]
    relevant, correlation = table.informative(target), class_correlations(table, target)
    mean = attention.mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:SHOWN]
    colours = _colours(relevant, len(mean))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=[1.6, 1], layout="constrained")
    places = np.arange(len(order))
    spread = np.abs(np.stack([attention.min(axis=0), attention.max(axis=0)])[:, order] - mean[order])
    left.bar(places, mean[order], color=[colours[i] for i in order], width=0.8)
    left.errorbar(places, mean[order], spread, fmt="none", ecolor=INK, elinewidth=0.7)
    left.set_xticks(places, [table.columns[i].name for i in order], rotation=90, fontsize=6)
    left.set_xlim(-0.7, len(order) - 0.3)
    left.set_ylim(0, 1)
    left.set_ylabel("attention m'", fontsize=9)
    left.set_title(f"{name}: the {len(order)} features with most attention", fontsize=9)
    right.scatter(correlation, mean, c=colours, s=14, edgecolors="none", alpha=0.85)
    for rank, i in enumerate(order[:TOP]):
        # names one below the other beside the plot's right edge, since the points lie close together
        right.annotate(
            table.columns[i].name, (correlation[i], mean[i]), fontsize=6.5,
            xytext=(0.99, 0.97 - 0.06 * rank), textcoords="axes fraction", ha="right", va="top",
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6},
        )  # fmt: skip
    right.set_ylim(-0.02, 1.05)
    right.set_xlabel(f"|Pearson r| with {target}", fontsize=9)
    right.set_ylabel("attention m'", fontsize=9)
    if relevant is not None:
        for colour, text in (
            (RELEVANT, "bears on the class"),
            (POPULATION, "places in the population"),
            (FAINT, "noise"),
        ):
            right.scatter([], [], c=colour, s=14, label=text)
        right.legend(fontsize=7, frameon=False, loc="lower right")
    return figure


def _attention(runs: Runs) -> tuple[str, np.ndarray]:
    """Return a method's name and its attention in every fold, (K, D)."""
    for method, folder in runs.predictions.items():
        for name, values in read_arrays(folder / INSIDE).items():
            if name.startswith("attention:"):
                return runs.names[method], values
    raise InputError(f"no method of the figure has attention ({', '.join(runs.jobs)}); add ia_gcn")


def _colours(relevant: np.ndarray | None, count: int) -> list[str]:
    if relevant is None:
        return [INK] * count
    return [POPULATION if np.isnan(value) else RELEVANT if value else FAINT for value in relevant]


#: one for each dataset, also of the user's own
FIGURES = {"fig_mask_*": _mask}
