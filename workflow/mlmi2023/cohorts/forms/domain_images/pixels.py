"""Images and label maps of a cohort, as they are packed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.image_files import header_of
from mlmi2023.cohorts.formats.photographs import read_photo, resized_photo
from mlmi2023.cohorts.forms.domain_images.listing import Item
from mlmi2023.cohorts.forms.domain_images.options import Read
from mlmi2023.cohorts.forms.images.checks import BLANK, check_pair
from mlmi2023.cohorts.forms.images.labels import Labels, resized_labels
from mlmi2023.cohorts.forms.images.options import Read as OneRule
from mlmi2023.cohorts.forms.images.sizes import resizing
from mlmi2023.core.errors import InputError


class Pixels:
    """Reads images at one size.

    Attributes:
        size: rows and columns.
        labels: what the values of each map mean.
        resized: what is resized, in words; empty if nothing is.
        blank: images that are nearly constant, filled on the way: large public sets have some.
    """

    def __init__(self, where: str, read: Read, items: Sequence[Item]) -> None:
        """Look at the headers of all images.

        Raises:
            InputError: a file cannot be used, or sizes differ and ``read.size`` does not say what becomes of
                them.
        """
        self.headers = {item.name: header_of(Path(item.photo)) for item in items}
        shapes = [header.shape for header in self.headers.values()]
        if read.size is None and len(set(shapes)) > 1:
            raise InputError(
                f"{where}: images have different sizes; set 'read.size' to [rows, columns] that all are "
                "resized to"
            )
        if deep := next((item for item in items if self.headers[item.name].wide), None):
            raise InputError(f"{deep.photo}: has more than 8 bits; save all images with 8")
        self.size: tuple[int, int] = read.size or shapes[0]
        self.resized = resizing(shapes, self.size)
        self.blank: list[str] = []
        self.labels = {
            key: Labels(OneRule(classes=own.classes, threshold=own.threshold))
            for key, own in (read.maps or {}).items()
        }

    def read(self, item: Item) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return an image (H, W, 3) and its label maps (H, W), uint8.

        Raises:
            InputError: a file cannot be used.
        """
        photo, header = Path(item.photo), self.headers[item.name]
        image, _ = read_photo(photo)
        if image.std(axis=(0, 1)).max() < BLANK:
            self.blank.append(item.name)
        maps = {}
        for key, labels in self.labels.items():
            path = Path(item.maps[key])
            check_pair(photo, header, path, header_of(path))
            maps[key] = resized_labels(labels.read(path), self.size, labels.smooth)
        return resized_photo(image, self.size), maps
