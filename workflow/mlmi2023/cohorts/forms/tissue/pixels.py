"""An image with its nuclei, label maps and paired images, as they are packed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlmi2023.cohorts.formats.image_files import Header, header_of
from mlmi2023.cohorts.formats.photographs import read_photo, resized_photo
from mlmi2023.cohorts.forms.images.checks import check_pair
from mlmi2023.cohorts.forms.images.labels import Labels, resized_labels
from mlmi2023.cohorts.forms.images.options import Read as OneRule
from mlmi2023.cohorts.forms.images.sizes import target_size
from mlmi2023.cohorts.forms.tissue.instances import instances_of
from mlmi2023.cohorts.forms.tissue.listing import Item
from mlmi2023.cohorts.forms.tissue.options import Read
from mlmi2023.core.errors import InputError


class Layers(NamedTuple):
    """All arrays of an image: (H, W, 3) uint8, (H, W) uint16, and (H, W) uint8 by name."""

    image: np.ndarray
    nuclei: np.ndarray | None
    maps: dict[str, np.ndarray]
    paired: dict[str, np.ndarray]


class Pixels:
    """Reads images at one size.

    Attributes:
        size: rows and columns of what is packed.
        headers: of all images.
        labels: what the values of each map mean.
    """

    def __init__(self, where: str, read: Read, items: Sequence[Item]) -> None:
        """Look at the headers of all images.

        Raises:
            InputError: a file cannot be used, or sizes differ and ``read`` does not say what becomes of them.
        """
        self.read_key = read
        self.headers = [header_of(Path(item.photo), read.page) for item in items]
        deep = next((item for item, header in zip(items, self.headers) if header.wide), None)
        if deep:
            raise InputError(f"{deep.photo}: has more than 8 bits; save all images with 8")
        rule = OneRule(size=read.size, tiles=read.tiles)
        self.size = target_size(where, rule, items, self.headers)  # type: ignore[arg-type]
        self.labels = {key: Labels(OneRule(classes=own.classes)) for key, own in (read.maps or {}).items()}

    def read(self, item: Item, header: Header) -> Layers:
        """Return the arrays of an image, at its own size with tiles, else at the packed one.

        Raises:
            InputError: a file cannot be used.
        """
        photo = Path(item.photo)
        image, _ = read_photo(photo, page=self.read_key.page)
        nuclei = None
        if self.read_key.nuclei:
            nuclei = instances_of(item.nuclei, self.read_key.nuclei, image.shape[:2])
        maps, paired = {}, {}
        for key, path in item.maps.items():
            check_pair(photo, header, Path(path), header_of(Path(path)))
            maps[key] = self.labels[key].read(Path(path))
        for key, path in item.paired.items():
            paired[key], _ = read_photo(Path(path), grey=True, page=self.read_key.page)
        if self.read_key.tiles:
            other = next((k for k, values in paired.items() if values.shape[:2] != image.shape[:2]), None)
            if other:
                raise InputError(
                    f"{item.paired[other]}: is of another size than {photo}; tiles would not meet"
                )
            return Layers(image, nuclei, maps, {key: values[..., 0] for key, values in paired.items()})
        return Layers(
            resized_photo(image, self.size),
            None if nuclei is None else _nearest(nuclei, self.size),
            {key: resized_labels(values, self.size, smooth=False) for key, values in maps.items()},
            {key: resized_photo(values, self.size)[..., 0] for key, values in paired.items()},
        )


def _nearest(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (H, W) at rows and columns ``size``, by the nearest pixel."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
        for old, new in zip(values.shape, size)
    )
    return values[rows[:, None], columns[None]]
