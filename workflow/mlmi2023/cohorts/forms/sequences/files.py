"""The files of a sequence: frames, label maps and flows as NIfTI, and the text that numbers ED and ES."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.formats.header_checks import check_size, unpack
from mlmi2023.cohorts.forms.sequences.options import MARKS
from mlmi2023.core.errors import InputError


def read_planes(path: str | Path, last: int = 0) -> tuple[np.ndarray, tuple[float, float]]:
    """Return planes (planes, rows, columns) of an image of (columns, rows, planes), and mm of a pixel.

    Axes stay as the file has them, whatever its affine says: those of ultrasound are the probe's. Axes of
    length 1 between them are dropped.

    Args:
        path: NIfTI file.
        last: how many further axes stand behind the planes; they come last.

    Raises:
        InputError: the file is missing or broken, has other axes, values that are not finite, or no
            pixel size.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file; check the cohort's patterns and root")
    try:
        image: Any = nib.load(file)
        promised = check_size(file, image)
        if file.name.endswith(".gz"):
            # unpacked whole, since only then its checksum is compared
            image = type(image).from_bytes(unpack(file, image, promised))
        data, spacing = np.asarray(image.dataobj), [float(v) for v in image.header.get_zooms()[:2]]
    except InputError:
        raise
    except Exception as error:  # damaged bytes can make a reader raise almost anything
        raise InputError(
            f"{file}: cannot be read ({type(error).__name__}); fetch or export it again"
        ) from error
    while data.ndim > 3 + last and 1 in data.shape[2:]:
        data = data.squeeze(2 + data.shape[2:].index(1))
    if data.ndim == 2 and not last:
        data = data[..., None]
    if data.ndim != 3 + last or 0 in data.shape:
        raise InputError(f"{file}: has the shape {data.shape}; give columns, rows and frames")
    if not np.isfinite(data).all():
        raise InputError(f"{file}: holds values that are not finite; export it again")
    if not all(np.isfinite(v) and 0.01 <= v <= 20 for v in spacing):
        raise InputError(f"{file}: its pixels are {spacing} mm; correct the header")
    return data.transpose(2, 1, 0, *range(3, 3 + last)), (spacing[1], spacing[0])


def read_frames(path: str) -> tuple[np.ndarray, tuple[float, float]]:
    """Return frames (T, H, W) uint8 and mm of rows and columns.

    Raises:
        InputError: the file cannot be used, has fewer than three frames, or values beyond 0 to 255.
    """
    planes, spacing = read_planes(path)
    if len(planes) < 3:
        raise InputError(f"{path}: has {len(planes)} frames; a sequence needs 3 or more")
    if planes.min() < 0 or planes.max() > 255:
        raise InputError(f"{path}: holds {planes.min():g} to {planes.max():g}; give grey values of 0 to 255")
    return np.rint(planes).astype(np.uint8), spacing


def read_labels(path: str, shape: tuple[int, ...], numbers: dict[int, int]) -> np.ndarray:
    """Return label maps (T, H, W) uint8, values turned into labels.

    Args:
        path: NIfTI file.
        shape: that they must have.
        numbers: label of each value; that of 0 is 0.

    Raises:
        InputError: the file cannot be used, has another shape, or a value without a label.
    """
    planes, _ = read_planes(path)
    if planes.shape != shape:
        raise InputError(
            f"{path}: has the shape {planes.shape}, its frames {shape}; give maps of the same frames"
        )
    values = np.unique(planes)
    for value in values:
        if value not in numbers:
            raise InputError(
                f"{path}: holds the value {value:g}, which 'read.classes' does not name; add it there "
                "(background, if it is none)"
            )
    table = np.array([numbers[int(value)] for value in values], np.uint8)
    return table[np.searchsorted(values, planes)]


def read_marks(path: str | None, frames: int) -> dict[str, int]:
    """Return which frames are ED and ES, counted from 0; without a file the first and the last.

    Raises:
        InputError: the text lacks one of both, or numbers a frame that is not there.
    """
    if path is None:
        return {"ED": 0, "ES": frames - 1}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give lines such as 'ED: 1'") from error
    given = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    found = {}
    for mark in MARKS:
        if not given.get(mark, "").isdecimal() or not 1 <= int(given[mark]) <= frames:
            raise InputError(
                f"{path}: {mark} is '{given.get(mark, '')}'; give the number of one of the {frames} frames, "
                "from 1"
            )
        found[mark] = int(given[mark]) - 1
    if found["ED"] == found["ES"]:
        raise InputError(f"{path}: ED and ES are both frame {given['ED']}; correct one")
    return found
