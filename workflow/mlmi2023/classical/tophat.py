"""White top-hat: what is brighter than its surroundings and narrower than a disc (Serra 1982)."""

import numpy as np
from scipy import ndimage


def white_tophat(image: np.ndarray, radius: int) -> np.ndarray:
    """Return an image (H, W) less its opening by a disc: x^2 + y^2 <= radius^2, mirrored at the border.

    A disc is a stack of rows, and the extremes along a row cost the same for any length, so that large discs
    are cheap: the result is that of :func:`scipy.ndimage.white_tophat` with the disc as footprint.

    Args:
        image: grey values, floating point.
        radius: of the disc, pixels.
    """
    lower = _extreme(np.asarray(image, np.float32), radius, ndimage.minimum_filter1d, np.minimum)
    opened = _extreme(lower, radius, ndimage.maximum_filter1d, np.maximum)
    return np.asarray(image, np.float32) - opened


def _extreme(image: np.ndarray, radius: int, along: object, of: np.ufunc) -> np.ndarray:
    """Return the lowest or highest value under the disc at each pixel."""
    rows = image.shape[0]
    padded = np.pad(image, ((radius, radius), (0, 0)), mode="symmetric")
    found: np.ndarray | None = None
    for above in range(radius + 1):
        half = int(np.sqrt(radius * radius - above * above))
        line = along(padded, 2 * half + 1, axis=1, mode="reflect")  # type: ignore[operator]
        for shift in {above, -above}:
            part = line[radius + shift : radius + shift + rows]
            found = part if found is None else of(found, part)
    assert found is not None  # a radius of 0 is a disc of one pixel
    return found
