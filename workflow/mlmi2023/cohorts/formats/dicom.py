"""Read a folder of DICOM slices as one volume, through SimpleITK (GDCM)."""

import locale
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.dicom_headers import check_headers, read_header
from mlmi2023.core.errors import InputError

#: what is no slice, though it lies beside slices
BESIDE = ("DICOMDIR",)


@contextmanager
def keep_locale() -> Iterator[None]:
    """Put the locale back that GDCM sets to C as it reads or writes: files would then be opened as ASCII."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


@keep_locale()
def read_series(folder: str | Path, thickness: float | None = None) -> tuple[np.ndarray, np.ndarray, float]:
    """Read the one series in a folder.

    Args:
        folder: of the slices, and of nothing else that claims to be one.
        thickness: nominal thickness of a slice in mm; None for the headers'.

    Returns:
        Hounsfield units, float32 (X, Y, Z) in RAS+ order; the 4x4 affine, voxel to RAS mm; and the nominal
        thickness of a slice in mm, which is not the distance between slices where these overlap.

    Raises:
        InputError: the folder holds no series or more than one, a file is broken, slices are missing, or a
            header lacks what a volume in Hounsfield units needs
            (:mod:`mlmi2023.cohorts.formats.dicom_headers`).
    """
    import nibabel as nib
    import SimpleITK as sitk

    folder = Path(folder)
    reader = sitk.ImageSeriesReader()
    files = _files(folder)
    thickness = check_headers(folder, [read_header(file) for file in files], thickness)
    reader.SetFileNames(files)
    try:
        image = reader.Execute()
    except (RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split())[-120:]
        raise InputError(f"{folder}: cannot be read ({reason}); fetch or export it again") from error
    # ITK's world is LPS
    lps = np.eye(4)
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    data = sitk.GetArrayFromImage(image).transpose(2, 1, 0).astype(np.float32)
    turn = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(data, turn)
    return np.ascontiguousarray(turned), affine @ nib.orientations.inv_ornt_aff(turn, data.shape), thickness


def _files(folder: Path) -> list[str]:
    """Return the slices of the one series in a folder, in the reader's order; none may have been lost."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    try:
        series: tuple[str, ...] = reader.GetGDCMSeriesIDs(str(folder)) if folder.is_dir() else ()
        if len(series) != 1:
            found = f"{len(series)} series" if series else "no series"
            raise InputError(f"{folder}: holds {found} of DICOM slices; give a folder with one")
        files = list(reader.GetGDCMSeriesFileNames(str(folder), series[0]))
    except RuntimeError as error:
        raise InputError(f"{folder}: holds a broken DICOM file; fetch or export it again") from error
    # the reader passes over what it cannot read, and the stack would close over it
    for file in sorted(set(folder.iterdir()) - set(map(Path, files))):
        if file.is_file() and file.name not in BESIDE and _claims(file):
            raise InputError(
                f"{file}: is broken or of another series; fetch it again, or move it out of the folder"
            )
    return files


def _claims(file: Path) -> bool:
    """Whether a file claims to be a slice: by its ending, its first bytes, or by being empty."""
    if file.suffix.lower() in (".dcm", ".ima", ".dicom") or file.stat().st_size == 0:
        return True
    with open(file, "rb") as stream:
        return stream.read(132)[128:] == b"DICM"
