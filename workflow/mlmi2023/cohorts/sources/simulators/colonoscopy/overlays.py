"""What a centre's system writes over its frames, pixel by pixel, and which pixels it takes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from mlmi2023.cohorts.sources.simulators.colonoscopy.options import KINDS

#: letters of 3 x 5 dots: digits, as dates and times have most of them
LETTERS = [
    np.array([[int(dot) for dot in row] for row in letter.split()])
    for letter in (
        "111 101 101 101 111", "010 110 010 010 111", "111 001 111 100 111", "111 001 111 001 111",
        "101 101 111 001 001", "111 100 111 001 111", "111 100 111 101 111", "111 001 010 010 010",
        "111 101 111 101 111", "111 101 111 001 111",
    )
]  # fmt: skip
#: of an icon, by its shape: which of the points (u, v) in -1 to 1 belong to it
ICONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "arrow": lambda u, v: ((v < 0.2) & (np.abs(u) < 0.3)) | ((v >= 0.2) & (np.abs(u) < 1.1 - v)),
    "disc": lambda u, v: np.hypot(u, v) < 1,
    "bars": lambda u, v: np.abs(np.sin(2.5 * np.pi * (u + 1) / 2)) > 0.6,
    "cross": lambda u, v: (np.abs(u) < 0.35) | (np.abs(v) < 0.35),
    "ring": lambda u, v: np.abs(np.hypot(u, v) - 0.75) < 0.28,
    "wedge": lambda u, v: v > np.abs(2 * u) - 1,
}


def shown(
    rng: np.random.Generator, overlays: Sequence[dict[str, Any]], agree: float, polyp: float | None
) -> list[dict[str, Any]]:
    """Return the overlays of a frame, each where it stands in it.

    Args:
        rng: its random numbers.
        overlays: of the centre.
        agree: chance that one follows its rule; else it does the contrary.
        polyp: x of the polyp's middle; None without a polyp.
    """
    found = []
    for overlay in overlays:
        follows = rng.uniform() < agree
        there = (
            overlay["when"] == "always" or ((overlay["when"] == "polyp") == (polyp is not None)) == follows
        )
        if not there:
            continue
        (x, y), (width, _) = overlay["at"], overlay["size"]
        if overlay["side"] != "fixed":
            right = rng.uniform() < 0.5 if polyp is None else (polyp > 0.5) == follows
            wanted = right if overlay["side"] == "same" else not right
            if wanted != (x + width / 2 > 0.5):
                x = 1 - width - x
        found.append({**overlay, "at": [x, y]})
    return found


def write_over(
    rng: np.random.Generator, frame: np.ndarray, overlays: Sequence[dict[str, Any]], depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frame (S, S, 3) uint8 with its overlays, and the map of these, 1 text to 4 border.

    Dots of letters are the text's pixels; of a miniature, the whole of it.

    Args:
        rng: its random numbers.
        frame: as the endoscope sees it.
        overlays: see :func:`shown`.
        depth: of the view, see :func:`.scope.view_depth`.
    """
    size, picture = len(frame), frame.copy()
    taken = np.zeros((size, size), np.uint8)
    for overlay in overlays:
        left, top = (round(size * share) for share in overlay["at"])
        columns, rows = (max(3, round(size * share)) for share in overlay["size"])
        window = (slice(top, min(top + rows, size)), slice(left, min(left + columns, size)))
        shape = taken[window].shape
        colour = np.rint(255 * np.array(overlay["colour"])).astype(np.uint8)
        if overlay["kind"] == "miniature":
            dots, content = np.ones(shape, bool), _miniature(frame, shape, colour)
        elif overlay["kind"] == "border":
            edge = max(0.035, 2.5 / size)
            window, dots = (slice(None), slice(None)), (depth >= 1) & (depth < 1 + edge)
            content = np.broadcast_to(colour, (*dots.shape, 3))
        else:
            dots = (
                _text(rng, shape, int(overlay["lines"]))
                if overlay["kind"] == "text"
                else _icon(overlay, shape)
            )
            content = np.broadcast_to(colour, (*shape, 3))
        picture[window][dots] = content[dots]
        taken[window][dots] = KINDS.index(overlay["kind"]) + 1
    return picture, taken


def _text(rng: np.random.Generator, shape: tuple[int, ...], lines: int) -> np.ndarray:
    """Return the dots of lines of digits, the last of them shorter, as large as there is room for."""
    dots = np.zeros(shape, bool)
    lines = max(1, min(lines, (shape[0] + 2) // 7))
    dot = max(1, shape[0] // (7 * lines))
    for line in range(lines):
        letters = max(1, (shape[1] + dot) // (4 * dot))
        letters = letters if line < lines - 1 else max(1, int(rng.integers(letters // 2, letters + 1)))
        for place in range(letters):
            letter = np.kron(LETTERS[rng.integers(len(LETTERS))], np.ones((dot, dot), int)).astype(bool)
            top, left = line * 7 * dot, place * 4 * dot
            part = dots[top : top + 5 * dot, left : left + 3 * dot]
            part |= letter[: part.shape[0], : part.shape[1]]
    return dots


def _icon(overlay: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    v, u = (2 * (np.arange(side) + 0.5) / side - 1 for side in shape)
    return ICONS[overlay["shape"]](*np.meshgrid(u, v))


def _miniature(frame: np.ndarray, shape: tuple[int, ...], colour: np.ndarray) -> np.ndarray:
    """Return the frame in small, with an edge one pixel wide."""
    small = np.array(Image.fromarray(frame).resize((shape[1], shape[0]), Image.Resampling.BOX))
    small[[0, -1]] = small[:, [0, -1]] = colour
    return small
