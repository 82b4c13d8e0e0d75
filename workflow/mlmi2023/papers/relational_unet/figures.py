"""Slices with what each method found (Figs. 3 and 4), and score against size (Fig. 5)."""

from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.scans.reader import divide
from mlmi2023.core.errors import InputError
from mlmi2023.drawing.slices import label_colours, paint
from mlmi2023.papers.relational_unet.context import Context
from mlmi2023.papers.relational_unet.evaluate import read_found, score
from mlmi2023.reporting.plots import STYLE, save_figure


def draw(figure_id: str, context: Context, out_stem: Path) -> None:
    """Draw a figure as ``<out_stem>.png`` and ``<out_stem>.svg``.

    Raises:
        InputError: there is no such figure.
    """
    import matplotlib

    matplotlib.use("Agg")
    figures = {"fig3": _slices, "fig4": _slices, "fig5": _sizes, "fig5_shifts": _sizes}
    if figure_id not in figures:
        raise InputError(f"figure '{figure_id}': relational_unet draws {', '.join(figures)}")
    with matplotlib.rc_context(STYLE):
        save_figure(figures[figure_id](context), out_stem)


def _tested(context: Context) -> list[int]:
    job = next(iter(context.jobs.values()))
    return divide(context.scans, job.fold, job.task.get("val", "val"), job.task.get("tested", ("test",)))[
        "test"
    ]


def fullest(labels: np.ndarray) -> int:
    """Return the axial slice that shows most structures, and of those the one with most of them in it."""
    kinds = [len(np.unique(labels[:, :, z])) for z in range(labels.shape[2])]
    area = (labels > 0).sum(axis=(0, 1))
    return int(np.argmax(np.array(kinds) * (area.max() + 1) + area))


def _slices(context: Context) -> Any:
    """One axial slice of the first tested scan: truth, then each method. The rule looks at no result."""
    import matplotlib.pyplot as plt

    scans, row = context.scans, _tested(context)[0]
    truth, image = np.asarray(scans.labels(row)), np.asarray(scans.image(row), np.float32)
    z = fullest(truth)
    shown = [("Truth", truth)] + [
        (context.names[m], read_found(folder, scans, row)) for m, folder in context.predictions.items()
    ]
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    tall = image.shape[1] * scans.spacings[row][1] / (image.shape[0] * scans.spacings[row][0])
    figure, grid = plt.subplots(
        lines,
        columns,
        figsize=(2.4 * columns, (2.4 * tall + 0.3) * lines),
        squeeze=False,
        layout="constrained",
    )
    colours = label_colours(sorted(scans.label_names), scans.label_names)
    low, high = np.percentile(image[:, :, z], [1, 99.5])
    for axes in grid.ravel():
        axes.axis("off")
    aspect = scans.spacings[row][1] / scans.spacings[row][0]
    for axes, (name, labels) in zip(grid.ravel(), shown):
        axes.imshow(image[:, :, z].T, cmap="gray", vmin=low, vmax=high, origin="lower", aspect=aspect)
        overlay = paint(labels[:, :, z].T, colours, 0.65)
        axes.imshow(overlay, origin="lower", aspect=aspect, interpolation="nearest")
        axes.set_title(name, fontsize=9)
    return figure


def parameters(weights: Path) -> int:
    """Return the number of weights in a file, from its header."""
    from safetensors import safe_open

    with safe_open(weights, "pt") as content:
        return sum(int(np.prod(content.get_slice(key).get_shape())) for key in content.keys())  # noqa: SIM118


def _sizes(context: Context) -> Any:
    """Fig. 5: mean score of the first seed against millions of weights, a point per network."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
    organs = next(iter(context.jobs.values())).task["kind"] == "organs"
    metric, label = ("dsc", "avg") if organs else ("ndsc", "")
    for method, folder in context.predictions.items():
        if method not in context.weights:
            continue
        rows = score(context.jobs[method], folder)
        values = [r["value"] for r in rows if r["metric"] == metric and r["label"] == label]
        size = parameters(context.weights[method]) / 1e6
        ours = method.startswith("runet")
        axes.scatter(size, np.mean(values), s=48, color="#D55E00" if ours else "#0072B2", zorder=3)
        axes.annotate(
            context.names[method], (size, float(np.mean(values))), xytext=(5, 4), textcoords="offset points",
            fontsize=8,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("million weights")
    axes.set_ylabel("mean DSC, %" if organs else "mean nDSC over all tested sets, %")
    axes.margins(x=0.2, y=0.15)
    axes.grid(alpha=0.3)
    return figure
