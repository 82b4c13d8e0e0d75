"""Read a folder of DICOM slices as one volume, through SimpleITK (GDCM)."""

import locale
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError

THICKNESS = "0018|0050"


@contextmanager
def keep_locale() -> Iterator[None]:
    """Put the locale back that GDCM sets to C as it reads or writes: files would then be opened as ASCII."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


@keep_locale()
def read_series(folder: str | Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Read the one series in a folder.

    Returns:
        Hounsfield units, float32 (X, Y, Z) in RAS+ order; the 4x4 affine, voxel to RAS mm; and the nominal
        thickness of a slice in mm, which is not the distance between slices where these overlap.

    Raises:
        InputError: the folder holds no series or more than one, a file is broken, slices are missing, or the
            header names no thickness.
    """
    import nibabel as nib
    import SimpleITK as sitk

    folder = Path(folder)
    reader = sitk.ImageSeriesReader()
    series: tuple[str, ...] = reader.GetGDCMSeriesIDs(str(folder)) if folder.is_dir() else ()
    if len(series) != 1:
        found = f"{len(series)} series" if series else "no series"
        raise InputError(f"{folder}: holds {found} of DICOM slices; give a folder with one")
    files = reader.GetGDCMSeriesFileNames(str(folder), series[0])
    reader.SetFileNames(files)
    reader.MetaDataDictionaryArrayUpdateOn()
    try:
        image = reader.Execute()
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-120:]
        raise InputError(f"{folder}: cannot be read ({reason}); fetch or export it again") from error
    _check_even(folder, files)
    try:
        thickness = float(reader.GetMetaData(0, THICKNESS))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{folder}: no slice thickness in the headers; set read.thickness in mm") from error
    # ITK's world is LPS
    lps = np.eye(4)
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    data = sitk.GetArrayFromImage(image).transpose(2, 1, 0).astype(np.float32)
    turn = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(data, turn)
    return np.ascontiguousarray(turned), affine @ nib.orientations.inv_ornt_aff(turn, data.shape), thickness


def _check_even(folder: Path, files: tuple[str, ...]) -> None:
    """Refuse a series with a gap: the reader would close it and shift all that lies behind."""
    import SimpleITK as sitk

    places = []
    for file in files:
        header = sitk.ImageFileReader()
        header.SetFileName(file)
        header.ReadImageInformation()
        normal = np.cross(*np.array(header.GetDirection()).reshape(3, 3).T[:2])
        places.append(float(np.array(header.GetOrigin()) @ normal))
    steps = np.abs(np.diff(places))
    if len(steps) and steps.max() - steps.min() > 0.05 * max(steps.max(), 1e-6):
        raise InputError(
            f"{folder}: slices lie {steps.min():g} to {steps.max():g} mm apart; fetch the missing ones"
        )
