"""Animated PNGs: all pictures in order, the last one kept, never larger than they may be."""

import numpy as np
from PIL import Image

from mlmi2023.drawing.animation import MOST_BYTES, Animation
from mlmi2023.drawing.style import save_figure, styled


def pictures(path):
    """Return what an animated PNG shows."""
    with Image.open(path) as moving:
        found = []
        for number in range(moving.n_frames):
            moving.seek(number)
            found.append(np.array(moving.convert("RGB")))
    return found


def test_pictures_come_in_order_and_the_last_one_is_the_still(tmp_path):
    frames = [np.full((20, 30, 3), 40 * n, np.uint8) for n in range(5)]
    for name in "ab":
        with styled():
            save_figure(Animation(frames), tmp_path / name)
    assert all(
        np.array_equal(one, other) for one, other in zip(pictures(tmp_path / "a.png"), frames, strict=True)
    )
    for end in ("png", "svg"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


def test_what_is_too_large_is_thinned(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(256, size=(200, 200, 3), dtype=np.uint8) for _ in range(12)]
    with styled():
        save_figure(Animation(frames), tmp_path / "a")
    found = pictures(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size <= MOST_BYTES and 2 <= len(found) < 12
    assert np.array_equal(found[0], frames[0]) and np.array_equal(found[-1], frames[-1])
