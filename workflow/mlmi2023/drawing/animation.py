"""Figures that move: an animated PNG, which opens wherever a PNG does, and its last picture as SVG."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.figure import Figure

#: bytes of a file, at most
MOST_BYTES = 1_000_000
DOTS = 100


class Animation(Figure):
    """Pictures shown one after the other, over and over again; a figure to :func:`.style.save_figure`.

    Where the file would be larger than ``MOST_BYTES``, every second picture is left out, as often as needed.

    Args:
        frames: (H, W, 3) uint8 each, all of one size.
        milliseconds: that each is shown, and the last one.
    """

    def __init__(self, frames: Sequence[np.ndarray], milliseconds: tuple[int, int] = (120, 2000)) -> None:
        height, width = frames[0].shape[:2]
        super().__init__(figsize=(width / DOTS, height / DOTS))
        self.frames, self.milliseconds = list(frames), milliseconds
        axes = self.add_axes((0, 0, 1, 1))
        axes.imshow(frames[-1], interpolation="nearest")
        axes.axis("off")

    def savefig(self, fname: Any, *, transparent: bool | None = None, **kind: Any) -> None:
        """Write all pictures as PNG; anything else is of the last one alone."""
        if kind.get("format") != "png":
            super().savefig(fname, transparent=transparent, **kind)
            return
        step, content = 1, encoded(self.frames, self.milliseconds)
        while len(content) > MOST_BYTES and step < len(self.frames):
            step *= 2
            content = encoded(self.frames[:-1:step] + self.frames[-1:], self.milliseconds)
        with open(fname, "wb") as stream:
            stream.write(content)


def encoded(frames: Sequence[np.ndarray], milliseconds: tuple[int, int]) -> bytes:
    """Return the bytes of an animated PNG that never ends."""
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    spans = [milliseconds[0]] * (len(pictures) - 1) + [milliseconds[1]]
    stream = BytesIO()
    pictures[0].save(
        stream, format="PNG", save_all=True, append_images=pictures[1:], duration=spans, loop=0, optimize=True
    )
    return stream.getvalue()
