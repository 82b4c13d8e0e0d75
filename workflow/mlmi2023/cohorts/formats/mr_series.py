"""Read a folder of DICOM slices of one MR series as a volume, through SimpleITK (GDCM).

Slices have to lie evenly behind each other, as those of CT (:mod:`mlmi2023.cohorts.formats.dicom_headers`);
stored values have no unit in MR, so that slope and intercept need not be there.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.dicom import keep_locale
from mlmi2023.cohorts.formats.dicom_headers import (
    INTERCEPT,
    MODALITY,
    SLOPE,
    Header,
    check_headers,
    read_header,
)
from mlmi2023.core.errors import InputError


@keep_locale()
def read_mr_series(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the one MR series in a folder.

    Args:
        folder: of the slices.

    Returns:
        intensities, float32 (X, Y, Z) in RAS+ order, and the 4x4 affine from voxel to RAS mm.

    Raises:
        InputError: the folder holds no series or more than one, one of another modality, a broken file, or
            slices that are no even stack.
    """
    import nibabel as nib
    import SimpleITK as sitk

    folder, reader = Path(folder), sitk.ImageSeriesReader()
    try:
        series: tuple[str, ...] = reader.GetGDCMSeriesIDs(str(folder)) if folder.is_dir() else ()
        if len(series) != 1:
            found = f"{len(series)} series" if series else "no series"
            raise InputError(f"{folder}: holds {found} of DICOM slices; give a folder with one")
        files = list(reader.GetGDCMSeriesFileNames(str(folder), series[0]))
    except RuntimeError as error:
        raise InputError(f"{folder}: holds a broken DICOM file; fetch or export it again") from error
    lost = {p for p in folder.iterdir() if p.suffix.lower() == ".dcm"} - set(map(Path, files))
    if lost:
        raise InputError(f"{min(lost)}: is broken or of another series; fetch it again, or move it away")
    headers = [read_header(file) for file in files]
    check_headers(folder, [_as_checked(header) for header in headers], 1.0)
    reader.SetFileNames(files)
    try:
        image = reader.Execute()
    except (RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split())[-120:]
        raise InputError(f"{folder}: cannot be read ({reason}); fetch or export it again") from error
    lps = np.eye(4)  # ITK's world
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    data = sitk.GetArrayFromImage(image).transpose(2, 1, 0).astype(np.float32)
    turn = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(data, turn)
    return np.ascontiguousarray(turned), affine @ nib.orientations.inv_ornt_aff(turn, data.shape)


def _as_checked(header: Header) -> Header:
    """Return a header of MR as the check of CT's wants it, which needs units that MR has not.

    Raises:
        InputError: it is of another modality.
    """
    modality = header.tags.get(MODALITY, "").strip()
    if modality != "MR":
        raise InputError(
            f"{header.file}: the modality is '{modality}', not MR; check the pattern of the images"
        )
    return replace(header, tags={**header.tags, MODALITY: "CT", INTERCEPT: "0", SLOPE: "1"})
