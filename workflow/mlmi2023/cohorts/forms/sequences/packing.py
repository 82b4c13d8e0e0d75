"""Sequences as they are packed: cut to a square, at one size, one after the other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.forms.images.options import BACKGROUND
from mlmi2023.cohorts.forms.sequences.files import read_frames, read_labels, read_marks, read_planes
from mlmi2023.cohorts.forms.sequences.listing import Item
from mlmi2023.cohorts.forms.sequences.options import MARKS, Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash


class Prepared(NamedTuple):
    """A sequence of T frames at S x S pixels.

    Attributes:
        frames: (T, S, S) uint8.
        labels: (T, S, S) uint8; of frames without labels all 0.
        flow: (T, 2, S, S) float16, pixels from each frame to the next, 0 for the last; None if not known.
        spacing: mm of rows and columns.
        marks: frame of ED and of ES.
    """

    frames: np.ndarray
    labels: np.ndarray
    flow: np.ndarray | None
    spacing: tuple[float, float]
    marks: dict[str, int]


def squared(array: np.ndarray) -> np.ndarray:
    """Return (T, H, W, ...) cut to a square, as much at both ends of the longer side."""
    height, width = array.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return array[:, top : top + side, left : left + side]


def resized(planes: np.ndarray, size: int, nearest: bool = False) -> np.ndarray:
    """Return planes (T, S, S) at another size, by area and bilinearly, or by the nearest pixel."""
    from PIL import Image

    if planes.shape[1:] == (size, size):
        return planes
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(plane).resize((size, size), how)) for plane in planes])


def numbers_of(classes: Mapping[int, str]) -> tuple[list[str], dict[int, int]]:
    """Return the names of labels 1, 2, ..., and the label of each value; what is called background is 0."""
    names = [name for name in dict.fromkeys(classes.values()) if name != BACKGROUND]
    own = {name: number for number, name in enumerate(names, 1)}
    return names, {0: 0} | {int(value): own.get(name, 0) for value, name in classes.items()}


def prepared(item: Item, read: Read, numbers: dict[int, int]) -> Prepared:
    """Return a sequence as it is packed; without ``read.size`` frames keep the size of their square.

    Raises:
        InputError: a file cannot be used.
    """
    frames, spacing = read_frames(item.files["frames"])
    marks = read_marks(item.files.get("info"), len(frames))
    if "labels" in item.files:
        labels = read_labels(item.files["labels"], frames.shape, numbers)
    else:
        labels = np.zeros_like(frames)
        for mark in MARKS:
            labels[marks[mark]] = read_labels(item.files[mark], (1, *frames.shape[1:]), numbers)[0]
    for mark, frame in marks.items():
        if not labels[frame].any():
            raise InputError(
                f"{item.files['frames']}: its frame {frame + 1}, {mark}, has no label; correct its map"
            )
    square = squared(frames)
    side = square.shape[1]
    size = read.size or side
    flow = None
    if "flow" in item.files:
        flow = _flow(item.files["flow"], frames.shape, spacing, size)
    factor = side / size
    return Prepared(
        resized(square, size),
        resized(squared(labels), size, nearest=True),
        flow,
        (spacing[0] * factor, spacing[1] * factor),
        marks,
    )


def _flow(path: str, shape: tuple[int, ...], spacing: tuple[float, float], size: int) -> np.ndarray:
    """Return the known motion in pixels of the packed grid."""
    ways, _ = read_planes(path, last=1)
    if ways.shape != (shape[0] - 1, *shape[1:], 2):
        raise InputError(
            f"{path}: has the shape {ways.shape}; give two values for each pixel of all frames but the last"
        )
    factor = min(shape[1:]) / size
    found = np.zeros((shape[0], 2, size, size), np.float16)
    for axis in range(2):
        planes = squared(ways[..., axis].astype(np.float32))
        found[:-1, axis] = resized(planes, size) / (spacing[axis] * factor)
    return found


def write_packed(where: str, read: Read, used: Sequence[Item], out: Path, name: str) -> None:
    """Pack sequences into the folder ``out``, whole or not at all.

    Raises:
        InputError: a file cannot be used, or sizes differ.
    """
    names, numbers = numbers_of(read.classes)
    made = [prepared(item, read, numbers) for item in used]
    if len({own.frames.shape[1] for own in made}) > 1:
        raise InputError(f"{where}: sequences have different sizes; set 'read.size' to a number of pixels")
    whole = isinstance(read.labels, str)
    first = np.cumsum([0, *(len(own.frames) for own in made)])
    rows: list[dict[str, Any]] = [
        {
            "subject": item.name, "split": item.split, "group": item.patient, "first": int(start),
            "frames": len(own.frames), "spacing": [round(v, 6) for v in own.spacing], "marks": own.marks,
        }
        for item, own, start in zip(used, made, first)
    ]  # fmt: skip
    with atomic(out) as part:
        part.mkdir()
        np.save(part / "frames.npy", np.concatenate([own.frames for own in made]))
        np.save(part / "labels.npy", np.concatenate([own.labels for own in made]))
        flows = [own.flow for own in made if own.flow is not None]
        if flows:
            np.save(part / "flow.npy", np.concatenate(flows))
        about: dict[str, Any] = {
            "name": name, "form": "sequences", "subjects": rows, "classes": names, "known": whole,
            "flow": bool(flows), "facts": _facts(rows, made, names, whole),
        }  # fmt: skip
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def _facts(
    rows: Sequence[Mapping[str, Any]], made: Sequence[Prepared], names: Sequence[str], whole: bool
) -> list[tuple[str, str]]:
    found = []
    for split, count in Counter(row["split"] for row in rows).items():
        own = [row for row in rows if row["split"] == split]
        people, frames = len({row["group"] for row in own}), sum(row["frames"] for row in own)
        found.append(
            (split, f"{count} sequences of {people} patients, {frames} frames, {2 * count} of them ED or ES")
        )
    side, pixels = made[0].frames.shape[1], sorted(own.spacing[0] for own in made)
    found += [
        ("size", f"{side} x {side}, pixels of {pixels[0]:.2f} to {pixels[-1]:.2f} mm"),
        ("frames from ED to ES", f"{min(len(m.frames) for m in made)} to {max(len(m.frames) for m in made)}"),
        ("labels", f"{', '.join(names)}; of {'all frames' if whole else 'ED and ES'}"),
    ]
    flows = [own.flow for own in made if own.flow is not None]
    if flows:
        muscle = [
            np.hypot(*m.flow[:-1].astype(np.float32).swapaxes(0, 1))[m.labels[:-1] > 0].mean()
            for m in made
            if m.flow is not None
        ]
        found.append(
            (
                "known motion",
                f"{np.mean(muscle):.2f} pixels from frame to frame on average where there are labels",
            )
        )
    return found
