"""Check the headers of a series of CT slices before it is read as one volume.

The reader puts a default in the place of what a header lacks: 1 mm pixels, slices 1 mm apart, an axial
orientation, stored values as Hounsfield units. It closes gaps and straightens tilted stacks. Each of these is
a guess about a patient, so each is refused here, with the file that it stands in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError

MODALITY, PHOTOMETRIC, SAMPLES = "0008|0060", "0028|0004", "0028|0002"
THICKNESS, POSITION, ORIENTATION, PIXEL = "0018|0050", "0020|0032", "0020|0037", "0028|0030"
INTERCEPT, SLOPE, ROWS, COLUMNS = "0028|1052", "0028|1053", "0028|0010", "0028|0011"

NAMES = {
    THICKNESS: "SliceThickness",
    POSITION: "ImagePositionPatient",
    ORIENTATION: "ImageOrientationPatient",
    PIXEL: "PixelSpacing",
    INTERCEPT: "RescaleIntercept",
    SLOPE: "RescaleSlope",
    ROWS: "Rows",
    COLUMNS: "Columns",
}
FIX = {
    THICKNESS: "set read.thickness in mm, or export the series again",
    INTERCEPT: "without it values are no Hounsfield units; export the series again with it",
    SLOPE: "without it values are no Hounsfield units; export the series again with it",
}
EXPORT = "export the series again"
#: no lossless coding of a CT slice is that much smaller than its pixels
PACKED = 1000


@dataclass(frozen=True)
class Header:
    """What one slice says of itself.

    Attributes:
        file: its name.
        tags: text of each tag that it has.
    """

    file: Path
    tags: dict[str, str]

    def numbers(self, tag: str, count: int = 1) -> np.ndarray:
        """Return the numbers of a tag, (count,).

        Raises:
            InputError: the tag is missing, or holds something else.
        """
        text = self.tags.get(tag, "").strip()
        fix = FIX.get(tag, EXPORT)
        if not text:
            raise InputError(f"{self.file}: no {NAMES[tag]} in the header; {fix}")
        try:
            found = np.array([float(word) for word in text.split("\\")])
        except ValueError:
            found = np.array([np.nan])
        if len(found) != count or not np.isfinite(found).all():
            raise InputError(f"{self.file}: {NAMES[tag]} is '{text}'; {fix}")
        return found


def read_header(file: str | Path) -> Header:
    """Read the header of one slice.

    Raises:
        InputError: it is broken.
    """
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
        return Header(Path(file), {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()})
    except (RuntimeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: the header cannot be read; fetch or export it again") from error


def check_headers(folder: Path, headers: Sequence[Header], thickness: float | None = None) -> float:
    """Refuse a series that is no even stack of CT slices in Hounsfield units.

    Args:
        folder: of the series, for messages about all of it.
        headers: of its slices, in the reader's order.
        thickness: nominal thickness of a slice in mm where the headers' is not to count.

    Returns:
        The nominal thickness of a slice in mm.

    Raises:
        InputError: one line with the file, the tag and the fix.
    """
    if len(headers) < 2:
        raise InputError(f"{folder}: holds one slice, no volume; fetch the missing ones")
    for header in headers:
        _check_values(header)
    _same(headers, "size", lambda h: np.concatenate([h.numbers(ROWS), h.numbers(COLUMNS)]), 0)
    pixels = _same(headers, NAMES[PIXEL], lambda h: h.numbers(PIXEL, 2), 1e-4)
    if min(pixels) <= 0:
        raise InputError(f"{headers[0].file}: {NAMES[PIXEL]} is {_text(pixels)} mm; {EXPORT}")
    axes = _same(headers, NAMES[ORIENTATION], lambda h: h.numbers(ORIENTATION, 6), 1e-3).reshape(2, 3)
    if np.abs(axes @ axes.T - np.eye(2)).max() > 1e-3:
        raise InputError(
            f"{headers[0].file}: {NAMES[ORIENTATION]} is {_text(axes.ravel())}, no two directions at right "
            f"angles; {EXPORT}"
        )
    _check_places(folder, headers, axes, float(min(pixels)))
    if thickness is not None:
        return thickness
    found = float(_same(headers, NAMES[THICKNESS], lambda h: h.numbers(THICKNESS), 1e-3)[0])
    if found <= 0:
        raise InputError(f"{headers[0].file}: SliceThickness is {found:g} mm; {FIX[THICKNESS]}")
    return found


def _check_values(header: Header) -> None:
    """Refuse a slice whose stored values are no Hounsfield units of one channel."""
    modality = header.tags.get(MODALITY, "").strip()
    if modality != "CT":
        raise InputError(
            f"{header.file}: the modality is '{modality}', not CT; its values are no Hounsfield units"
        )
    photometric = header.tags.get(PHOTOMETRIC, "").strip()
    samples = header.tags.get(SAMPLES, "1").strip()
    if photometric != "MONOCHROME2" or samples not in ("", "1"):
        raise InputError(
            f"{header.file}: holds pixels of the kind {photometric or 'unknown'}; export it as MONOCHROME2"
        )
    header.numbers(INTERCEPT)
    if header.numbers(SLOPE)[0] == 0:
        raise InputError(f"{header.file}: RescaleSlope is 0; {EXPORT}")
    pixels = float(header.numbers(ROWS)[0] * header.numbers(COLUMNS)[0])
    size = header.file.stat().st_size
    if pixels > PACKED * size:
        raise InputError(
            f"{header.file}: {size} bytes cannot hold the {pixels:.0f} pixels of its header; fetch it again"
        )


def _same(
    headers: Sequence[Header], what: str, of: Callable[[Header], np.ndarray], slack: float
) -> np.ndarray:
    """Return a property that all slices must share."""
    found = [of(header) for header in headers]
    usual = np.median(found, axis=0)
    apart = [float(np.abs(own - usual).max()) for own in found]
    odd = int(np.argmax(apart))
    if apart[odd] > slack:
        raise InputError(
            f"{headers[odd].file}: {what} is {_text(found[odd])}, that of other slices {_text(usual)}; "
            "keep the slices of one scan in the folder"
        )
    return found[0]


def _check_places(folder: Path, headers: Sequence[Header], axes: np.ndarray, pixel: float) -> None:
    """Refuse slices that lie on each other, beside each other, or not evenly behind each other."""
    corners = np.array([header.numbers(POSITION, 3) for header in headers])
    along = corners @ np.cross(*axes)
    order = np.argsort(along, kind="stable")
    files, along, corners = [headers[i].file for i in order], along[order], corners[order]
    steps = np.diff(along)
    usual = float(np.median(steps))
    close = int(np.argmin(steps))
    if steps[close] < 0.05 * max(usual, 1e-3):
        raise InputError(
            f"{files[close + 1]}: lies where {files[close].name} lies ({along[close]:g} mm along the stack); "
            "keep one of the two, or the slices of one scan"
        )
    wide = int(np.argmax(np.abs(steps - usual)))
    if abs(steps[wide] - usual) > 0.05 * usual:
        raise InputError(
            f"{folder}: slices lie {usual:g} mm apart, but {files[wide].name} and {files[wide + 1].name} "
            f"{steps[wide]:g} mm; fetch the missing ones"
        )
    aside = corners @ axes.T
    shifts = np.abs(aside - np.median(aside, axis=0)).max(axis=1)
    if shifts.max() > 0.1 * pixel:
        tilted = np.abs(np.diff(aside, axis=0)).max(axis=1).min() > 1e-3 * pixel
        odd = files[int(shifts.argmax())].name
        said = "are not at right angles to the stack (gantry tilt)" if tilted else f"are shifted, {odd} most"
        raise InputError(
            f"{folder}: slices {said}, by up to {shifts.max():.2f} mm in plane; resample the scan first"
        )


def _text(values: np.ndarray) -> str:
    return " x ".join(f"{value:g}" for value in values)
