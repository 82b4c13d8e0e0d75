"""One image as it is packed: itself, what a network sees of it, and its mask."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from mlmi2023.classical.tophat import white_tophat
from mlmi2023.cohorts.formats.image_files import Header, header_of
from mlmi2023.cohorts.formats.photographs import read_photo
from mlmi2023.cohorts.forms.image_pool.options import Read, Tophat
from mlmi2023.cohorts.forms.images.checks import check_blank, check_pair
from mlmi2023.cohorts.forms.images.labels import Labels, resized_labels
from mlmi2023.cohorts.forms.images.listing import Item

CHANNELS = ("red", "green", "blue")
#: pixels at the edge of a field that are neither in it nor outside
RIM = 4


def pixels_of(
    item: Item, header: Header, read: Read, size: tuple[int, int], labels: Labels
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image, network input and labels of a file, each (rows, columns) uint8 at ``size``.

    Args:
        item: the files; without masks all is background.
        header: of the image.
        read: how they are read.
        size: rows and columns.
        labels: what the masks' values mean.

    Raises:
        InputError: a file cannot be used.
    """
    own = Path(item.photo)
    photo, _ = read_photo(own, read.colour == "grey", read.range, read.page)
    check_blank(own, photo, read)  # type: ignore[arg-type]  # it reads the range alone
    grey = photo[..., 0 if read.colour == "grey" else CHANNELS.index(read.colour)]
    outside = np.zeros(grey.shape, bool) if read.field is None else surroundings(grey, read.field)
    inside = filled(grey, outside)
    bright = 255 - inside if read.invert else inside
    seen = (
        preprocessed(bright, read.tophat, outside) if read.tophat else np.where(outside, np.uint8(0), bright)
    )
    mask = np.zeros(grey.shape, np.uint8)
    for path in map(Path, item.masks):
        check_pair(own, header, path, header_of(path, read.page))
        mask = np.maximum(mask, labels.read(path) > 0)
    return resized_grey(grey, size), resized_grey(seen, size), resized_labels(mask, size, labels.smooth)


def surroundings(grey: np.ndarray, level: float) -> np.ndarray:
    """Return what of an image (H, W) is not brighter than ``level`` and reaches its edge, with a rim, bool.

    An image that is dark throughout has none.
    """
    parts, _ = ndimage.label(grey <= level)
    edge = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    outside = ndimage.binary_dilation(np.isin(parts, edge[edge > 0]), iterations=RIM)
    return np.zeros(grey.shape, bool) if outside.all() else outside


def filled(grey: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return an image (H, W) with the nearest values of its field outside of it: there is no edge."""
    if not outside.any():
        return grey
    rows, columns = ndimage.distance_transform_edt(outside, return_distances=False, return_indices=True)
    return grey[rows, columns]


def preprocessed(grey: np.ndarray, how: Tophat, outside: np.ndarray | None = None) -> np.ndarray:
    """Return what a network sees of an image (H, W): blurred, less its background, stretched to 8 bits.

    Args:
        grey: the image, its structures bright.
        how: it is done.
        outside: (H, W) bool, where nothing is to be seen; None: nowhere.
    """
    blurred = ndimage.gaussian_filter(grey.astype(np.float32), how.blur, mode="reflect")
    bright = white_tophat(blurred, how.radius)
    if outside is not None:
        bright = np.where(outside, 0, bright)
    white = max(float(np.quantile(bright, how.white)), 1.0)
    return np.clip(np.rint(bright * (255 / white)), 0, 255).astype(np.uint8)


def resized_grey(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image (H, W) uint8 at rows and columns ``size``; bilinear, smoothed where it shrinks."""
    if image.shape == tuple(size):
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))
