"""Slices of volumes on a dark sheet: what the mosaics are put together from."""

import colorsys
from typing import Any, NamedTuple

import numpy as np

PLANES = ("axial", "coronal", "sagittal")
NORMAL = {"axial": 2, "coronal": 1, "sagittal": 0}
#: what lies at the left and at the right edge of a slice of an array in RAS order
EDGES = {"axial": ("L", "R"), "coronal": ("L", "R"), "sagittal": ("P", "A")}
SHEET, INK, SOFT = "#12161a", "#e8eaec", "#a3adb7"
FOUND, TRUE = "#ffb000", "#58b4e8"  # told apart by the colour-blind, too
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.facecolor": SHEET,
    "figure.facecolor": SHEET,
    "savefig.facecolor": SHEET,
}


class Volume(NamedTuple):
    """An array (X, Y, Z) in RAS order and its voxel sizes in mm."""

    array: np.ndarray
    spacing: np.ndarray

    @classmethod
    def of(cls, array: np.ndarray, affine: np.ndarray) -> "Volume":
        """Take the voxel sizes from a 4x4 affine."""
        return cls(array, np.linalg.norm(affine[:3, :3], axis=0))


def centre_of(mask: np.ndarray) -> tuple[int, int, int]:
    """Return the voxel in the middle of the box around a bool mask (X, Y, Z); of the array if it is empty."""
    found = []
    for axis, size in enumerate(mask.shape):
        other = tuple(k for k in range(3) if k != axis)
        places = np.flatnonzero(mask.any(axis=other))
        found.append(int((places[0] + places[-1]) // 2) if places.size else size // 2)
    return found[0], found[1], found[2]


def cut(array: np.ndarray, plane: str, where: tuple[int, int, int]) -> np.ndarray:
    """Return one slice (rows, columns) to be drawn with the origin below.

    Axial and coronal slices show the patient's left on the left; sagittal ones look to the left, front on the
    right.
    """
    axis = NORMAL[plane]
    return np.take(array, where[axis], axis=axis).T


def tallness(volume: Volume, plane: str) -> float:
    """Return height over width of a slice, in mm."""
    across, up = (volume.array.shape[k] * volume.spacing[k] for k in range(3) if k != NORMAL[plane])
    return float(up / across)


def name_edges(axes: Any, plane: str) -> None:
    """Write at both edges of a slice of :func:`cut` which side of the patient lies there (R, L, A or P)."""
    from matplotlib.patheffects import withStroke

    kind = {"transform": axes.transAxes, "va": "center", "color": INK, "fontsize": 7}
    for place, side, letter in zip((0.02, 0.98), ("left", "right"), EDGES[plane]):
        text = axes.text(place, 0.5, letter, ha=side, **kind)
        text.set_path_effects([withStroke(linewidth=1.5, foreground=SHEET)])


def show(axes: Any, volume: Volume, plane: str, where: tuple[int, int, int], **kind: Any) -> Any:
    """Draw one slice in true proportions, its edges named; ``kind`` goes to imshow."""
    column, row = (k for k in range(3) if k != NORMAL[plane])
    kind = {"cmap": "gray", "interpolation": "bilinear", **kind}
    aspect = volume.spacing[row] / volume.spacing[column]
    image = axes.imshow(cut(volume.array, plane, where), origin="lower", aspect=aspect, **kind)
    axes.set_axis_off()
    name_edges(axes, plane)
    return image


def outline(
    axes: Any, array: np.ndarray, plane: str, where: tuple[int, int, int], colour: Any, width: float = 0.9
) -> None:
    """Draw where a slice of ``array``, values in [0, 1], crosses one half."""
    piece = cut(array, plane, where).astype(np.float32)
    if min(piece.shape) > 1 and piece.min() < 0.5 < piece.max():
        axes.contour(piece, levels=[0.5], colors=[colour], linewidths=width)


def window(array: np.ndarray) -> dict[str, float]:
    """Return imshow's limits: 0 (or the lowest value) to the 99.5th percentile of what is not 0."""
    values = array[array != 0]
    top = float(np.percentile(values, 99.5)) if values.size else 1.0
    return {"vmin": min(0.0, float(array.min())), "vmax": top or 1.0}


def label_colours(values: list[int], names: dict[int, str]) -> dict[int, tuple[float, float, float]]:
    """Return a colour per label; a structure's left and right half share one."""
    hues: dict[str, int] = {}
    colours = {}
    for value in values:
        place = hues.setdefault(base_name(names.get(value, f"label_{value}")), len(hues))
        # steps of the golden ratio keep neighbours far apart on the circle of hues
        hue = (0.08 + place * 0.61803) % 1
        colours[value] = colorsys.hsv_to_rgb(hue, (0.75, 0.5)[place % 2], (1.0, 0.85)[place // 2 % 2])
    return colours


def base_name(name: str) -> str:
    """Return a structure's name without its side."""
    words = name.replace("-", " ").replace("_", " ").split()
    return " ".join(w for w in words if w.lower() not in ("left", "right", "l", "r", "lh", "rh")) or name


def paint(labels: np.ndarray, colours: dict[int, tuple[float, float, float]], alpha: float) -> np.ndarray:
    """Return a slice of labels (rows, columns) as RGBA (rows, columns, 4); the background is clear."""
    painted = np.zeros((*labels.shape, 4), np.float32)
    for value, colour in colours.items():
        painted[labels == value] = (*colour, alpha)
    return painted
