"""One image and its masks, as they are packed."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.image_files import Header, header_of
from mlmi2023.cohorts.formats.photographs import read_photo, resized_photo
from mlmi2023.cohorts.forms.images.checks import check_blank, check_pair
from mlmi2023.cohorts.forms.images.labels import Labels, resized_labels
from mlmi2023.cohorts.forms.images.listing import Item
from mlmi2023.cohorts.forms.images.options import Read


def pixels_of(item: Item, header: Header, read: Read, labels: Labels) -> tuple[np.ndarray, np.ndarray, float]:
    """Read an image and its masks, which are united.

    Args:
        item: their files.
        header: of the image.
        read: how they are read.
        labels: what the masks' values mean; notes images whose masks are lost by resizing.

    Returns:
        the image (H, W, C) and its labels (H, W), uint8, at the size ``read`` asks for; and the share of the
        image's values beyond the range.

    Raises:
        InputError: a file cannot be used.
    """
    own = Path(item.photo)
    photo, beyond = read_photo(own, read.grey, read.range, read.page)
    check_blank(own, photo, read)
    mask = np.zeros(photo.shape[:2], np.uint8)
    for path in map(Path, item.masks):
        check_pair(own, header, path, header_of(path, read.page))
        further = labels.read(path)
        mask = np.where(further > 0, further, mask)
    if read.size:
        small = resized_labels(mask, read.size, labels.smooth)
        if mask.any() and not small.any():
            labels.vanished.append(item)
        photo, mask = resized_photo(photo, read.size), small
    return photo, mask, beyond
