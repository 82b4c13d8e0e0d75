"""Single nuclei from files of several kinds: label maps, masks, outlines."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.masks import brightness, mask_values
from mlmi2023.cohorts.forms.tissue.options import Nuclei
from mlmi2023.core.errors import InputError

#: nuclei that an image may have, since 16 bits number them
MOST = 65535


def instances_of(files: Sequence[str], read: Nuclei, shape: tuple[int, int]) -> np.ndarray:
    """Return the nuclei of an image, (H, W) uint16: 0 outside, 1, 2, ... in each.

    Where nuclei overlap, the one that the file names last is on top.

    Args:
        files: of the image.
        read: what they are.
        shape: rows and columns of the image.

    Raises:
        InputError: a file cannot be read, or is of another shape.
    """
    found = np.zeros(shape, np.int64)
    if read.how == "outlines":
        found = _outlined(Path(files[0]), shape)
    elif read.how == "labels":
        found = _shaped(Path(files[0]), mask_values(Path(files[0])), shape)
    else:
        for number, file in enumerate(map(Path, files), 1):
            mask = _shaped(file, brightness(file), shape) > read.threshold
            if read.how == "parts":
                found = np.where(mask, 1, found)
            else:
                found[mask] = number
        if read.how == "parts":
            found, _ = ndimage.label(found, np.ones((3, 3)))
    values, numbers, counts = np.unique(found, return_inverse=True, return_counts=True)
    kept = (values != 0) & (counts >= read.least)
    if kept.sum() > MOST:
        raise InputError(f"{files[0]}: has {kept.sum()} nuclei, more than {MOST}; cut the image")
    return np.where(kept, np.cumsum(kept), 0)[numbers.reshape(shape)].astype(np.uint16)


def _shaped(file: Path, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if values.shape != shape:
        has, wanted = (" x ".join(map(str, s)) for s in (values.shape, shape))
        raise InputError(f"{file}: has {has} pixels, its image {wanted}; give the file of this image")
    return values


def _outlined(file: Path, shape: tuple[int, int]) -> np.ndarray:
    """Return the regions of an XML file of Aperio ImageScope, filled; X is the column, Y the row."""
    from skimage.draw import polygon

    try:
        tree = ElementTree.parse(file)
        regions = [
            np.array([[float(v.attrib["Y"]), float(v.attrib["X"])] for v in region.iter("Vertex")])
            for region in tree.iter("Region")
        ]
    except (ElementTree.ParseError, KeyError, ValueError, OSError) as error:
        raise InputError(f"{file}: no outlines of Aperio ImageScope ({error}); fetch it again") from error
    found = np.zeros(shape, np.int64)
    for number, corners in enumerate(regions, 1):
        if len(corners) < 3:
            continue
        if not np.isfinite(corners).all():
            raise InputError(f"{file}: a corner of region {number} is no number; fetch it again")
        found[polygon(corners[:, 0], corners[:, 1], shape)] = number
    if not found.any():
        raise InputError(f"{file}: has no region inside its image; give the outlines of this image")
    return found
