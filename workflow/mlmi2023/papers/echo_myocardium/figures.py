"""The paper's figures: both machines, a sequence with the masks of all rows, the second machine, flow.

Beyond the paper: a beating heart with the contours that were found, and learning curves.
"""

from typing import Any

import numpy as np

from mlmi2023.drawing.animation import Animation
from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.echo_myocardium.cases import SequenceCases
from mlmi2023.papers.echo_myocardium.evaluate import ENDO, EPI, structures
from mlmi2023.tasks.runs import Runs
from mlmi2023.tasks.segmentation import Pair, pairs

TRUE, FOUND = "#00C000", "#FF4030"
GREY: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255}
#: columns of a sequence, sequences that are shown side by side, and arrows along an image's side
COLUMNS, HEARTS, ARROWS = 6, 3, 16
#: side of a heart in the animation, pixels, as far as frames are smaller
SIDE = 192


def _outlined(axes: Any, labels: np.ndarray, colour: str) -> list[Any]:
    """Outline cavity and epicardium; return what was drawn."""
    masks = (structures(labels)[name] for name in (ENDO, EPI))
    return [axes.contour(m, [0.5], colors=colour, linewidths=1.0) for m in masks if m.any() and not m.all()]


def _shown(pair: Pair) -> list[int]:
    """Return frames evenly spread from first to last."""
    return list(np.linspace(0, len(pair.truth) - 1, min(COLUMNS, len(pair.truth))).astype(int))


def _middle(found: list[Pair]) -> Pair:
    """Return the sequence whose masks are the median of all, by how many pixels of ED and ES are wrong."""
    wrong = [np.mean([(p.found[k] != p.truth[k]).mean() for k in (0, -1)]) for p in found]
    return found[int(np.argsort(wrong, kind="stable")[len(wrong) // 2])]


def _name_of(cases: SequenceCases, pair: Pair, frame: int) -> str:
    names = {own: mark for mark, own in cases.marks(pair.row).items()}
    return names.get(frame, f"{frame + 1}/{len(pair.truth)}")


def _machine(runs: Runs) -> Any:
    """ED frames of tested patients, and how often each grey level is among all tested frames."""
    cases = SequenceCases(runs.job)
    rows = cases.rows("test")
    shown = [rows[k] for k in np.linspace(0, len(rows) - 1, min(COLUMNS - 1, len(rows))).astype(int)]
    figure, grid = panels(1, len(shown) + 1, (1.8 * (len(shown) + 1), 1.95))
    for axes, row in zip(grid[0], shown):
        picture(axes, cases.inputs(row)[cases.marks(row)["ED"], ..., 0], cases.name(row), **GREY)
    grey = np.concatenate([cases.inputs(row)[cases.marks(row)["ED"]].ravel() for row in rows])
    # black corners say nothing of the machine
    grid[0, -1].hist(grey[grey > 0], bins=32, range=(0, 255), density=True, color="#606870")
    grid[0, -1].set(xlabel="grey level", yticks=[])
    return figure


def _masks(runs: Runs) -> Any:
    """A sequence: frames, manual contours at ED and ES, and what each method finds."""
    cases = SequenceCases(runs.job)
    found = {method: list(pairs(runs.predictions[method], cases)) for method in runs.jobs}
    chosen = _middle(next(iter(found.values()))).row
    own = {method: next(p for p in some if p.row == chosen) for method, some in found.items()}
    any_pair = next(iter(own.values()))
    frames, images = _shown(any_pair), cases.inputs(chosen)[..., 0]
    figure, grid = panels(len(own) + 2, len(frames), (1.5 * len(frames) + 0.6, 1.5 * (len(own) + 2) + 0.3))
    marks = set(cases.marks(chosen).values())
    for column, frame in zip(grid.T, frames):
        picture(column[0], images[frame], _name_of(cases, any_pair, frame), **GREY)
        picture(column[1], images[frame], **GREY)
        if frame in marks:
            _outlined(column[1], any_pair.truth[frame], TRUE)
        for axes, pair in zip(column[2:], own.values()):
            picture(axes, images[frame], **GREY)
            _outlined(axes, pair.found[frame], FOUND)
    for axes, text in zip(grid[:, 0], ["frames", "manual", *(runs.names[method] for method in own)]):
        axes.set_ylabel(text.replace(" + ", "\n+ "), fontsize=7)
    return figure


def _flow(runs: Runs) -> Any:
    """A sequence: frames, and the flow from each to the next as colours and as arrows."""
    cases = SequenceCases(runs.job)
    method = next(iter(runs.jobs))
    pair = _middle(list(pairs(runs.predictions[method], cases)))
    flow = pair.kept["flow"].astype(np.float32)
    frames, images = [min(k, len(flow) - 1) for k in _shown(pair)], cases.inputs(pair.row)[..., 0]
    most = max(float(np.quantile(np.hypot(flow[:, 0], flow[:, 1]), 0.99)), 1e-3)
    figure, grid = panels(3, len(frames), (1.6 * len(frames) + 0.4, 5.1))
    side = images.shape[1]
    places = np.arange(side // ARROWS // 2, side, max(1, side // ARROWS))
    for column, frame in zip(grid.T, frames):
        picture(column[0], images[frame], _name_of(cases, pair, frame), **GREY)
        picture(column[1], coloured(flow[frame], most))
        picture(column[2], images[frame], **GREY)
        rows, columns = np.meshgrid(places, places, indexing="ij")
        inside = structures(pair.found[frame])[EPI][rows, columns]
        down, right = flow[frame][:, rows, columns]
        column[2].quiver(
            columns[inside], rows[inside], right[inside], down[inside], color="#FFC020", angles="xy",
            scale_units="xy", scale=most / (1.5 * side / ARROWS), width=0.012,
        )  # fmt: skip
    for axes, text in zip(grid[:, 0], ("frames", "colours", "arrows")):
        axes.set_ylabel(text, fontsize=8)
    return figure


def coloured(flow: np.ndarray, most: float) -> np.ndarray:
    """Return a flow (2, H, W) as colours (H, W, 3): hue is its direction, strength its length."""
    from matplotlib.colors import hsv_to_rgb

    down, right = flow
    hue = (np.arctan2(down, right) / (2 * np.pi)) % 1
    strength = np.clip(np.hypot(down, right) / most, 0, 1)
    return hsv_to_rgb(np.stack([hue, strength, np.ones_like(hue)], -1))  # type: ignore[no-any-return]


def _heart(runs: Runs) -> Any:
    """Hearts that beat, there and back, with the contours that were found, over the true ones where known."""
    cases = SequenceCases(runs.job)
    found = list(pairs(runs.predictions[next(iter(runs.jobs))], cases))
    shown = [found[k] for k in np.linspace(0, len(found) - 1, min(HEARTS, len(found))).astype(int)]
    larger = max(1, SIDE // cases.size[0])
    longest = max(len(pair.found) for pair in shown)
    played = []
    for number in [*range(longest), *range(longest - 2, 0, -1)]:
        parts = []
        for pair in shown:
            frame = round(number / max(longest - 1, 1) * (len(pair.found) - 1))
            grey = _enlarged(cases.inputs(pair.row)[frame, ..., 0], larger)
            colours = np.stack([grey] * 3, -1)
            if cases.cohort.known:
                _painted(colours, _enlarged(pair.truth[frame], larger), TRUE)
            _painted(colours, _enlarged(pair.found[frame], larger), FOUND)
            parts.append(colours)
        played.append(np.concatenate(parts, 1))
    return Animation(played, (120, 120))


def _enlarged(plane: np.ndarray, times: int) -> np.ndarray:
    return plane.repeat(times, 0).repeat(times, 1)


def _painted(colours: np.ndarray, labels: np.ndarray, colour: str) -> None:
    """Paint the outlines of cavity and epicardium, from inside."""
    from matplotlib.colors import to_rgb
    from scipy.ndimage import binary_erosion

    for name in (ENDO, EPI):
        mask = structures(labels)[name]
        colours[mask & ~binary_erosion(mask, border_value=1)] = np.rint(255 * np.array(to_rgb(colour)))


def _learning(runs: Runs) -> Any:
    """Dice of the validated myocardium while networks learn."""
    figure, grid = panels(1, 1, (6.4, 3.2))
    for method in runs.weights:
        curve = runs.curve(method)
        if "val_dice" in curve:
            grid[0, 0].plot(curve["step"], curve["val_dice"], label=runs.names[method], linewidth=1.2)
    grid[0, 0].set(xlabel="step", ylabel="Dice of the myocardium")
    grid[0, 0].legend(fontsize=7)
    return figure


FIGURES = {
    "fig1_*": _machine,
    "fig3": _masks,
    "fig4": _masks,
    "fig5": _flow,
    "fig_heart*": _heart,
    "fig_learning": _learning,
}
