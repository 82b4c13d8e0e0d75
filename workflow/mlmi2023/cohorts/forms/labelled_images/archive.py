"""One ``.npz`` with the images and labels of all splits, as MedMNIST distributes its datasets."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlmi2023.core.errors import InputError

SPLITS = ("train", "val", "test")


class Part(NamedTuple):
    """Images (N, H, W, C) uint8 of a split, and their classes (N,) int."""

    images: np.ndarray
    labels: np.ndarray


def read_archive(file: Path, classes: int) -> dict[str, Part]:
    """Return the splits of an archive, in the order train, val, test.

    ``<split>_images`` is (N, H, W) in grey or (N, H, W, 3), uint8; ``<split>_labels`` is (N, 1) or (N,) of
    whole numbers below ``classes``.

    Raises:
        InputError: an array is missing or of another shape or type, or a label names no class.
    """
    try:
        with np.load(file) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: cannot be read as .npz ({error}); get it again") from error
    found = {split: _part(file, arrays, split, classes) for split in SPLITS}
    shapes = {part.images.shape[1:] for part in found.values()}
    if len(shapes) > 1:
        raise InputError(f"{file}: images of its splits differ in size or channels; give all the same")
    return found


def _part(file: Path, arrays: dict[str, np.ndarray], split: str, classes: int) -> Part:
    missing = [name for name in (f"{split}_images", f"{split}_labels") if name not in arrays]
    if missing:
        raise InputError(f"{file}: has no array '{missing[0]}'; it has {', '.join(arrays) or 'none'}")
    images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    grey = images.ndim == 3
    if images.dtype != np.uint8 or not (grey or (images.ndim == 4 and images.shape[3] == 3)):
        raise InputError(
            f"{file}: {split}_images has the shape {images.shape} of {images.dtype}; give (N, H, W) or "
            "(N, H, W, 3) of uint8"
        )
    if labels.shape not in ((len(images), 1), (len(images),)) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{file}: {split}_labels has the shape {labels.shape} of {labels.dtype}; give a whole number for "
            f"each of the {len(images)} images"
        )
    labels = labels.reshape(-1).astype(int)
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise InputError(
            f"{file}: {split}_labels run from {labels.min()} to {labels.max()}; 'read.classes' names 0 to "
            f"{classes - 1}"
        )
    return Part(images[..., None] if grey else images, labels)
