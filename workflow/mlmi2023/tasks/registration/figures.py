"""What figures of registered pairs are put together from. Planes are axial: left is left, anterior is up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from mlmi2023.drawing.style import FAINT, INK
from mlmi2023.fields.displacement import Padding, warp
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.registration.stored import read_field, read_pairs
from mlmi2023.tasks.runs import Runs


def shown_pairs(runs: Runs, folder: str = "") -> list[Pair]:
    """Return the test pairs of the runs, the same for all methods."""
    return read_pairs(next(iter(runs.predictions.values())) / folder)


def field_of(runs: Runs, method: str, pair: Pair, folder: str = "") -> np.ndarray:
    """Return a method's field, (3, X, Y, Z) float32 in voxels."""
    return read_field(runs.predictions[method] / folder, pair.case, runs.cohort.shape)


def warped(image: np.ndarray, u: np.ndarray, padding: Padding = "zeros") -> np.ndarray:
    """Return an image (X, Y, Z) float32 pulled through a field (3, X, Y, Z)."""
    return warp(torch.from_numpy(image)[None, None], torch.from_numpy(u)[None], padding=padding)[0, 0].numpy()


def fullest_plane(image: np.ndarray) -> int:
    """Return the axial plane with most tissue of an image in [0, 1]."""
    return int(np.argmax((image > 0.05).sum(axis=(0, 1))))


def bare(axes: Any, framed: bool = False) -> None:
    """Take ticks and, unless it is to be framed, borders off a panel."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(framed)
        side.set_color(FAINT)


def show(axes: Any, plane: np.ndarray, **options: Any) -> Any:
    """Show a plane (X, Y), or (X, Y, 3) in colours; ``options`` go to imshow."""
    shown = plane.swapaxes(0, 1)
    image = axes.imshow(shown, origin="lower", **{"cmap": "gray", "vmin": 0, "vmax": 1, **options})
    bare(axes)
    return image


def show_grid(axes: Any, u: np.ndarray, lines: int = 16, width: float = 0.5) -> None:
    """Draw where a regular grid of a fixed plane is taken from: the part in the plane of (3, X, Y) in voxels.

    Args:
        axes: where to draw.
        u: the field.
        lines: about how many across the shorter side.
        width: of the lines.
    """
    from matplotlib.collections import LineCollection

    size = u.shape[1:]
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij")) + u[:2]
    step = max(2, min(size) // lines)
    drawn = [places[:, i].T for i in range(0, size[0], step)]
    drawn += [places[:, :, j].T for j in range(0, size[1], step)]
    axes.add_collection(LineCollection(drawn, colors=INK, linewidths=width))
    axes.set_xlim(-0.5, size[0] - 0.5)
    axes.set_ylim(-0.5, size[1] - 0.5)
    axes.set_aspect("equal")
    bare(axes, framed=True)


def sheet(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, np.ndarray]:
    """Return a figure of panels, (rows, columns), for ``size`` inches in all."""
    import matplotlib.pyplot as plt

    given: Mapping[str, Any] = {"squeeze": False, "layout": "constrained", **options}
    return plt.subplots(rows, columns, figsize=size, **given)
