"""Scale a scan's intensities, and refuse a scan that says nothing once it is scaled."""

from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError

#: percent of the brightest and of the darkest voxels that may be odd ones out
ODD = 0.1
#: what has to lie between the others, where 0 to 1 is a whole window, or one standard deviation is 1
SPREAD = 0.02
#: voxels that are looked at
SEEN = 2**20


def windowed(image: np.ndarray, window: Any, file: str) -> np.ndarray:
    """Return an image with the window's ends at 0 and 1, clipped, in the type of ``image``.

    Args:
        image: any shape.
        window: low and high.
        file: its file, for the message.

    Raises:
        InputError: the window does not fit the file's units, so that hardly anything is left to see.
    """
    low, high = map(float, window)
    if low < 0 <= image.min():
        raise InputError(
            f"{file}: nothing is below 0, but read.window begins at {low:g}: these are no Hounsfield units; "
            f"store them with their offset (often -1024), or let read.window begin at 0"
        )
    scaled = np.clip((image - low) / (high - low), 0, 1)
    if not (scaled > 0).any():
        raise InputError(f"{file}: nothing is above {low:g}; check read.window and the file's units")
    check_varied(scaled, f"read.window [{low:g}, {high:g}]", file)
    return scaled


def scaled_within(image: np.ndarray, inside: np.ndarray, scale: str, file: str) -> np.ndarray:
    """Return an image scaled over what is ``inside`` (bool), float16.

    Args:
        image: any shape.
        inside: which voxels count; with ``zscore`` the others become 0.
        scale: ``zscore``, or ``percentiles`` (1 and 99, which become 0 and 1).
        file: its file, for the message.

    Raises:
        InputError: there is nothing to see inside.
    """
    values = image[inside]
    if values.size < 2 or values.std() == 0:
        raise InputError(f"{file}: the image is flat where it is not 0; check the file")
    if scale == "zscore":
        scaled = ((image - values.mean()) / values.std()).astype(np.float16)
        check_varied(scaled[inside], "read.scale zscore", file)
        scaled[inside & (scaled == 0)] = np.float16(1e-4)  # 0 is kept for what lies outside
        return np.where(inside, scaled, np.float16(0))
    low, high = np.percentile(values, [1, 99])
    scaled = np.clip((image - low) / max(high - low, 1e-6), 0, 1).astype(np.float16)
    check_varied(scaled, "read.scale percentiles", file)
    return scaled


def check_varied(scaled: np.ndarray, key: str, file: str) -> None:
    """Refuse a scaled image that is the same nearly everywhere.

    Args:
        scaled: scaled intensities, any shape.
        key: what scaled them, for the message.
        file: its file.

    Raises:
        InputError: all but a few voxels lie within :data:`SPREAD`.
    """
    seen = scaled.ravel()[:: max(1, scaled.size // SEEN)]
    low, high = np.percentile(seen.astype(np.float32), [ODD, 100 - ODD])
    if high - low < SPREAD:
        raise InputError(
            f"{file}: with {key} all but {2 * ODD:g} % of the image lies between {low:.3g} and {high:.3g}, "
            "nearly one grey; check the key, and the file's units"
        )
