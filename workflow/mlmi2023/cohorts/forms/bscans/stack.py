"""The annotated B-scans of one patient's file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlmi2023.cohorts.formats.matlab import read_mat
from mlmi2023.cohorts.formats.photographs import resized_photo
from mlmi2023.cohorts.forms.bscans.options import Read
from mlmi2023.cohorts.forms.images.labels import resized_labels
from mlmi2023.core.errors import InputError


class Stack(NamedTuple):
    """What a file holds.

    Attributes:
        scans: of each annotated B-scan its number, from 1, the image (H, W) uint8 and the mask (H, W) uint8.
        total: number of all B-scans.
        shape: rows and columns in the file.
    """

    scans: list[tuple[int, np.ndarray, np.ndarray]]
    total: int
    shape: tuple[int, int]


def annotated(file: Path, read: Read) -> Stack:
    """Return the annotated B-scans of a file, resized.

    Raises:
        InputError: the file cannot be read, its variables do not fit each other, its values do not lie
            between 0 and 255, or nothing in it is annotated.
    """
    names = list(dict.fromkeys([read.images, read.masks, *([read.drawn] if read.drawn else [])]))
    arrays = read_mat(file, names)
    images, masks = arrays[read.images], arrays[read.masks]
    drawn = arrays[read.drawn] if read.drawn else masks
    if masks.shape != images.shape:
        raise InputError(
            f"{file}: '{read.masks}' has the shape {masks.shape}, '{read.images}' {images.shape}; name the "
            "masks of these B-scans"
        )
    if drawn.shape[2] != images.shape[2]:
        raise InputError(
            f"{file}: '{read.drawn}' has {drawn.shape[2]} B-scans, '{read.images}' {images.shape[2]}; name "
            "another variable"
        )
    low, high = float(np.nanmin(images)), float(np.nanmax(images))
    if not (0 <= low < high <= 255 and high > 1):
        raise InputError(f"{file}: '{read.images}' holds {low:g} to {high:g}; save grey values of 0 to 255")
    said = ~np.isnan(np.asarray(drawn, float)).all(axis=(0, 1))
    there = np.flatnonzero(said)
    if not there.size:
        where = read.drawn or read.masks
        raise InputError(
            f"{file}: '{where}' is NaN throughout: no B-scan is annotated; leave the patient out"
        )
    scans = []
    for number in there:
        image = np.rint(np.nan_to_num(images[..., number].astype(float))).astype(np.uint8)[..., None]
        mask = (np.nan_to_num(masks[..., number].astype(float)) > 0).astype(np.uint8)
        scans.append(
            (int(number) + 1, resized_photo(image, read.size)[..., 0], resized_labels(mask, read.size, True))
        )
    return Stack(scans, images.shape[2], (images.shape[0], images.shape[1]))
