"""An image and its label map from files, or the objects that are cut out of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.flat_nifti import is_nifti, read_flat
from mlmi2023.cohorts.formats.photographs import read_photo
from mlmi2023.cohorts.forms.images.labels import Labels
from mlmi2023.cohorts.forms.images.listing import Item
from mlmi2023.cohorts.forms.outlines.options import Objects, Read
from mlmi2023.core.errors import InputError

#: an image whose values spread less is blank, of 255
BLANK = 1.0


class Structures(Labels):
    """What masks mean (:class:`~mlmi2023.cohorts.forms.images.labels.Labels`), in NIfTI files too."""

    def __init__(self, read: Read) -> None:
        super().__init__(read)  # type: ignore[arg-type]
        self.fill = read.fill

    def read(self, path: Path) -> np.ndarray:
        """Return the labels of one mask file, (H, W) uint8; outlines are filled where that is asked for.

        Raises:
            InputError: the file cannot be read, or holds a value of which the rule says nothing.
        """
        if not is_nifti(path):
            labels = super().read(path)
        elif self.threshold is not None:
            labels = (read_flat(path) > self.threshold).astype(np.uint8)
        else:
            values = read_flat(path)
            labels = self._two(path, values) if self.smooth else self._named(path, values)
        if not self.fill:
            return labels
        for value in np.unique(labels[labels > 0]):
            labels = np.where(ndimage.binary_fill_holes(labels == value) & (labels == 0), value, labels)
        return labels.astype(np.uint8)


def pixels_of(item: Item, read: Read, labels: Structures) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, image (H, W, C) and labels (H, W), uint8, of an image, or of each object that is cut out.

    Raises:
        InputError: a file cannot be used.
    """
    path = Path(item.photo)
    image = _image(path, read)
    if image.std(axis=(0, 1)).max() < BLANK:
        fix = "lower 'read.range'" if read.range else "set 'read.range' to what its files hold"
        raise InputError(
            f"{path}: is nearly constant, {image.min()} to {image.max()} of 0 to 255; remove it, or {fix}"
        )
    mask = np.zeros(image.shape[:2], np.uint8)
    for file in map(Path, item.masks):
        further = labels.read(file)
        if further.shape != mask.shape:
            shapes = [" x ".join(map(str, shape)) for shape in (further.shape, mask.shape)]
            raise InputError(
                f"{file}: has {shapes[0]} pixels, its image {shapes[1]}; give the mask of this image"
            )
        mask = np.where(further > 0, further, mask)
    if read.objects is None:
        yield item.image, image, mask
    else:
        for number, place, own in objects_of(mask > 0, read.objects):
            yield f"{item.image}_{number}", image[place], own


def _image(path: Path, read: Read) -> np.ndarray:
    if not is_nifti(path):
        return read_photo(path, read.grey, read.range, read.page)[0]
    low, high = read.range or (0, 255)
    values = read_flat(path).astype(np.float64)
    grey = np.clip(np.rint((values - low) * (255 / (high - low))), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 1 if read.grey else 3, axis=2)


def objects_of(mask: np.ndarray, options: Objects) -> Iterator[tuple[int, tuple[slice, slice], np.ndarray]]:
    """Yield number, window and labels of the objects of a mask (H, W) that do not touch its edge.

    A window is square where the image is large enough, and is pushed back into the image at its edge.
    """
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())
    edge = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    kept = [n for n in range(1, len(sizes)) if sizes[n] >= options.least and n not in edge]
    if options.most is not None and len(kept) > options.most:
        kept = [kept[n] for n in np.linspace(0, len(kept) - 1, options.most).astype(int)]
    boxes = ndimage.find_objects(parts)
    for number in kept:
        box = boxes[number - 1]
        side = int(np.ceil((1 + 2 * options.margin) * max(s.stop - s.start for s in box)))
        window = []
        for span, length in zip(box, mask.shape):
            first = min(max((span.start + span.stop - side) // 2, 0), max(length - side, 0))
            window.append(slice(first, min(first + side, length)))
        place = (window[0], window[1])
        yield number, place, (parts[place] == number).astype(np.uint8)
