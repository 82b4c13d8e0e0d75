"""Images and label maps of a cohort, as they are packed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.image_files import header_of
from mlmi2023.cohorts.formats.masks import brightness
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
        self.crop = read.crop
        if read.crop:
            shapes = [(read.crop.side, read.crop.side)] * len(shapes)
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
        self.labels: dict[str, Labels | Layers] = {
            key: Layers(own.layers, own.threshold)
            if own.layers
            else Labels(OneRule(classes=own.classes, threshold=own.threshold))
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
            paths = [Path(path) for path in item.maps[key]]
            for path in paths:
                check_pair(photo, header, path, header_of(path))
            maps[key] = labels.read(*paths)
        if self.crop:
            window = around(photo, maps[self.crop.map], self.crop.side)
            image = cut(image, *window)
            maps = {key: cut(values, *window) for key, values in maps.items()}
        return resized_photo(image, self.size), {
            key: resized_labels(values, self.size, self.labels[key].smooth) for key, values in maps.items()
        }


class Layers:
    """Labels from one file for each class.

    Attributes:
        names: of the labels 1, 2, ...
        smooth: there are several kinds, so they are resampled by the nearest pixel.
    """

    smooth = False

    def __init__(self, layers: Mapping[str, str], threshold: float | None) -> None:
        self.names, self.threshold = list(layers), 0.0 if threshold is None else threshold

    def read(self, *paths: Path) -> np.ndarray:
        """Return the labels (H, W) uint8 of the files of all classes, in their order.

        Raises:
            InputError: a file cannot be read, or their shapes differ.
        """
        found = [brightness(path) > self.threshold for path in paths]
        if len({mask.shape for mask in found}) > 1:
            raise InputError(f"{paths[0]}: has another shape than {paths[-1]}; give masks of one image")
        labels = np.zeros(found[0].shape, np.uint8)
        for number, mask in enumerate(found, 1):
            labels[mask] = number
        return labels


def around(photo: Path, labels: np.ndarray, side: int) -> tuple[int, int, int]:
    """Return first row, first column and side of a square around the middle of the box around all labels.

    Raises:
        InputError: there is no label.
    """
    rows, columns = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise InputError(f"{photo}: its map shows nothing to crop around; take the image out")
    middle = [(int(places[0]) + int(places[-1]) + 1) // 2 for places in (rows, columns)]
    return middle[0] - side // 2, middle[1] - side // 2, side


def cut(array: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """Return a square of an array (H, W, ...); what lies beyond its border is 0."""
    out = np.zeros((side, side, *array.shape[2:]), array.dtype)
    low = max(top, 0), max(left, 0)
    part = array[low[0] : top + side, low[1] : left + side]
    out[low[0] - top : low[0] - top + part.shape[0], low[1] - left : low[1] - left + part.shape[1]] = part
    return out
