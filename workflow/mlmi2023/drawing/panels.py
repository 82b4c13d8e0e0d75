"""Grids of pictures and curves in the figures of papers."""

from typing import Any

import numpy as np


def panels(rows: int, columns: int, size: tuple[float, float], **kind: Any) -> tuple[Any, np.ndarray]:
    """Return a figure and its axes (rows, columns).

    Args:
        rows: of panels.
        columns: of panels.
        size: width and height of the whole figure, inches.
        kind: as ``matplotlib.pyplot.subplots`` takes it.
    """
    import matplotlib.pyplot as plt

    return plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **kind)


def bare(axes: Any) -> None:
    """Take the ticks away."""
    axes.set_xticks([])
    axes.set_yticks([])


def picture(axes: Any, image: Any, title: str = "", **kind: Any) -> None:
    """Show an image, pixel by pixel, without ticks.

    Args:
        axes: where.
        image: (H, W).
        title: above it.
        kind: as ``imshow`` takes it.
    """
    axes.imshow(image, **{"interpolation": "nearest", **kind})
    bare(axes)
    if title:
        axes.set_title(title, fontsize=9)


def frame(axes: Any, left: float, top: float, width: float, height: float, colour: str = "#E69F00") -> None:
    """Mark a box of an image."""
    import matplotlib.pyplot as plt

    box = plt.Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=1)
    axes.add_patch(box)
