"""A picture per subject: raw, N4, bias field, brain mask, and how it all lies on the grid."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.core.files import atomic
from mlmi2023.drawing.slices import (
    FOUND,
    PLANES,
    SOFT,
    STYLE,
    TRUE,
    Volume,
    centre_of,
    label_colours,
    outline,
    show,
    tallness,
    window,
)
from mlmi2023.preprocessing.batch import Record, main_modality
from mlmi2023.preprocessing.n4 import foreground
from mlmi2023.preprocessing.resample import resample
from mlmi2023.preprocessing.templates import NAME, load_template
from mlmi2023.preprocessing.truth import truth_file

WIDTH = 12.0  # inches at 100 dpi
DPI = 100

Panel = Callable[[Any, str], None]
Column = tuple[str, str, Panel]


def draw_subject(
    raw: Record,
    steps: dict[str, Record],
    path: Path,
    label_names: dict[int, str] | None = None,
    scores: dict[str, float] | None = None,
) -> None:
    """Write the mosaic of one subject as PNG, about 1200 pixels wide, a row per plane and a column per step.

    Args:
        raw: the subject's raw record.
        steps: its record after each step that was run.
        path: ends with ``.png``.
        label_names: names by label value; left and right get one colour.
        scores: the subject's metrics (see :mod:`mlmi2023.preprocessing.truth`), printed above the columns.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    native, columns = _native_columns(raw, steps, scores or {})
    heights = [tallness(native, plane) for plane in PLANES]
    if "grid" in steps:
        grid, more = _grid_columns(steps["grid"], "affine" in steps, label_names or {}, scores or {})
        columns += more
        heights = [max(height, tallness(grid, plane)) for height, plane in zip(heights, PLANES)]
    with matplotlib.rc_context(STYLE):
        tall = WIDTH / len(columns) * sum(heights) + 0.9
        figure, frames = plt.subplots(
            len(PLANES), len(columns), figsize=(WIDTH, tall), squeeze=False, height_ratios=heights
        )
        pads = {
            "w_pad": 0.02,
            "h_pad": 0.02,
            "wspace": 0.01,
            "hspace": 0.01,
            "rect": (0, 0, 1, 1 - 0.08 / tall),
        }
        figure.set_layout_engine("constrained", **pads)
        figure.suptitle(f"sub-{raw['subject']}  ·  {raw['split']}  ·  {main_modality(raw)}", fontsize=13)
        for place, (title, note, draw) in enumerate(columns):
            for row, plane in enumerate(PLANES):
                draw(frames[row, place], plane)
            frames[0, place].set_title(title + "\n", fontsize=10, fontweight="bold")
            frames[0, place].text(
                0.5, 1.02, note, transform=frames[0, place].transAxes, ha="center", color=SOFT, fontsize=8.5
            )
        with atomic(path) as part:
            figure.savefig(part, format="png", dpi=DPI, metadata={"Software": None})
        plt.close(figure)


def _native_columns(
    raw: Record, steps: dict[str, Record], scores: dict[str, float]
) -> tuple[Volume, list[Column]]:
    """Return the columns in native space; all slices go through the middle of the brain."""
    modality = main_modality(raw)
    before, affine = read_volume(raw["images"][modality])
    image = Volume.of(before, affine)
    inside = foreground(np.maximum(before, 0))
    brain = read_labels(steps["brainmask"]["mask"])[0] > 0 if "brainmask" in steps else None
    where = centre_of(inside if brain is None else brain)
    columns: list[Column] = [
        ("raw", " x ".join(map(str, before.shape)), lambda a, p: show(a, image, p, where, **window(before)))
    ]
    if "n4" in steps:
        after = read_volume(steps["n4"]["images"][modality])[0]
        field = read_volume(steps["n4"]["bias"])[0]
        columns.append(
            (
                "N4",
                _change(scores, "wm_cov", "variation in WM {:.3f} → {:.3f}"),
                lambda a, p: show(a, Volume(after, image.spacing), p, where, **window(after)),
            )
        )
        low, high = np.percentile(field[inside], [1, 99])
        span = max(abs(np.log(low)), abs(np.log(high)), 0.02)
        shown = Volume(np.where(inside, np.log(field), np.nan), image.spacing)
        columns.append(
            (
                "bias field",
                f"{np.exp(-span):.2f} (blue) to {np.exp(span):.2f} (red)",
                lambda a, p: show(a, shown, p, where, cmap="RdBu_r", vmin=-span, vmax=span),
            )
        )
    if brain is not None:
        mask: np.ndarray = brain
        true = truth_file(raw, "desc-brain_mask.nii.gz")
        truth = read_labels(true)[0] > 0 if true else None

        def masked(axes: Any, plane: str) -> None:
            show(axes, image, plane, where, **window(before))
            if truth is not None:
                outline(axes, truth, plane, where, TRUE)
            outline(axes, mask, plane, where, FOUND, 1.1)

        note = "Dice {dice:.3f}, {volume_ml:.0f} ml" if "dice" in scores else "{volume_ml:.0f} ml"
        title = "mask (orange), truth (blue)" if truth is not None else "brain mask"
        columns.append((title, note.format(**scores) if "volume_ml" in scores else "", masked))
    return image, columns


def _grid_columns(
    record: Record, registered: bool, names: dict[int, str], scores: dict[str, float]
) -> tuple[Volume, list[Column]]:
    """Return the columns on the grid: labels, and the template's outlines if there was a registration."""
    array, affine = read_volume(record["images"][main_modality(record)])
    image = Volume.of(array, affine)
    mask = read_labels(record["mask"])[0] > 0 if record.get("mask") else array > 0
    where = centre_of(mask)
    columns: list[Column] = []
    labels = read_labels(record["labels"])[0] if record.get("labels") else np.zeros(array.shape, np.uint8)
    colours = label_colours([int(v) for v in np.unique(labels) if v], names)

    def labelled(axes: Any, plane: str) -> None:
        show(axes, image, plane, where, vmin=0, vmax=1)
        for value, colour in colours.items():
            outline(axes, labels == value, plane, where, colour, 0.8)

    size = " x ".join(map(str, array.shape))
    columns.append((f"grid, {len(colours)} labels" if colours else "grid", size, labelled))
    if registered:
        white, brain = _template_on(array.shape, affine)

        def aligned(axes: Any, plane: str) -> None:
            show(axes, image, plane, where, vmin=0, vmax=1)
            outline(axes, white, plane, where, TRUE, 0.6)
            outline(axes, brain, plane, where, FOUND)

        note = _change(scores, "landmark_mm", "landmarks {:.1f} → {:.1f} mm")
        if not note and "template_match" in scores:
            note = "shared information {template_match:.3f}, turned {turned_match:.3f}".format(**scores)
        columns.append(("template's outlines", note, aligned))
    return image, columns


def _template_on(shape: tuple[int, ...], affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return white matter fraction and brain mask of MNI152 on a grid."""
    white, brain = load_template(NAME, kind="wm"), load_template(NAME)
    fraction = resample(white.array / white.array.max(), white.affine, shape, affine)
    return fraction, resample((brain.array > 0).astype(np.float32), brain.affine, shape, affine)


def _change(scores: dict[str, float], metric: str, text: str) -> str:
    pair = [scores.get(f"{metric}_before"), scores.get(f"{metric}_after")]
    return "" if None in pair else text.format(*pair)
