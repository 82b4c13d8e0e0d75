"""The figure that the text describes: which features get attention, and whether these go with the class."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.papers.ia_gcn.measures import TOP
from mlmi2023.reporting.plots import FAINT, INK, STYLE, save_figure

RELEVANT, POPULATION = "#D55E00", "#0072B2"  # safe for the colour-blind
SHOWN = 40  # features of the left panel


def draw(figure_id: str, context: dict[str, Any], out_stem: Path) -> None:
    """Draw ``fig_mask_<dataset>`` as ``<out_stem>.png`` and ``<out_stem>.svg``.

    Args:
        figure_id: its id.
        context: of :func:`mlmi2023.papers.ia_gcn.context.load`.
        out_stem: path without extension.

    Raises:
        InputError: there is no such figure.
    """
    import matplotlib

    matplotlib.use("Agg")
    if not figure_id.startswith("fig_mask"):
        raise InputError(f"figure '{figure_id}': ia_gcn draws fig_mask_<dataset>")
    with matplotlib.rc_context(STYLE):
        save_figure(_mask(context), out_stem)


def _mask(context: dict[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    attention = np.asarray(context["attention"])
    mean = attention.mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:SHOWN]
    colours = _colours(context["relevant"], len(mean))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=[1.6, 1], layout="constrained")
    places = np.arange(len(order))
    spread = np.abs(np.stack([attention.min(axis=0), attention.max(axis=0)])[:, order] - mean[order])
    left.bar(places, mean[order], color=[colours[i] for i in order], width=0.8)
    left.errorbar(places, mean[order], spread, fmt="none", ecolor=INK, elinewidth=0.7)
    names = [context["columns"][i].name for i in order]
    left.set_xticks(places, names, rotation=90, fontsize=6)
    left.set_xlim(-0.7, len(order) - 0.3)
    left.set_ylim(0, 1)
    left.set_ylabel("attention m'", fontsize=9)
    left.set_title(f"{context['name']}: the {len(order)} features with most attention", fontsize=9)
    right.scatter(context["correlation"], mean, c=colours, s=14, edgecolors="none", alpha=0.85)
    for rank, i in enumerate(order[:TOP]):
        # names one below the other beside the plot's right edge, since the points lie close together
        right.annotate(
            context["columns"][i].name, (context["correlation"][i], mean[i]), fontsize=6.5,
            xytext=(0.99, 0.97 - 0.06 * rank), textcoords="axes fraction", ha="right", va="top",
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6},
        )  # fmt: skip
    right.set_ylim(-0.02, 1.05)
    right.set_xlabel(f"|Pearson r| with {context['target']}", fontsize=9)
    right.set_ylabel("attention m'", fontsize=9)
    if context["relevant"] is not None:
        for colour, text in (
            (RELEVANT, "bears on the class"),
            (POPULATION, "places in the population"),
            (FAINT, "noise"),
        ):
            right.scatter([], [], c=colour, s=14, label=text)
        right.legend(fontsize=7, frameon=False, loc="lower right")
    return figure


def _colours(relevant: np.ndarray | None, count: int) -> list[str]:
    if relevant is None:
        return [INK] * count
    return [POPULATION if np.isnan(value) else RELEVANT if value else FAINT for value in relevant]
