"""Single-voxel MR spectroscopy as scanners write it: SDAT/SPAR, Siemens raw data, GE P-files, and NIfTI-MRS.

Files are read by spec2nii and nifti_mrs, which bring all of them to one sign of rotation: lines above water
turn with positive frequency. Both are imported when a file is read, since pydicom and pandas come with them.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.find.beside import parameter_file
from mlmi2023.core.errors import InputError

#: by the end of a file's name
FORMATS = {".sdat": "sdat", ".dat": "twix", ".7": "pfile", ".nii": "nifti", ".gz": "nifti"}
COIL, EDIT = "DIM_COIL", "DIM_EDIT"


class Transients(NamedTuple):
    """What a file holds.

    Attributes:
        fids: (conditions, N, P) complex128, one condition where the file tells none apart.
        width: spectral width, Hz.
        frequency: of the spectrometer, MHz.
    """

    fids: np.ndarray
    width: float
    frequency: float


def format_of(file: Path) -> str:
    """Return the format of a file by its name.

    Raises:
        InputError: the name ends otherwise.
    """
    found = FORMATS.get(file.suffix.lower())
    if found is None:
        raise InputError(
            f"{file}: its name ends with none of {', '.join(FORMATS)}; convert it to NIfTI-MRS by spec2nii"
        )
    return found


def read_transients(file: str | Path) -> Transients:
    """Return the transients of a file; those of several coils are combined.

    Raises:
        InputError: the file is missing or broken, is no spectroscopy of one voxel, or lacks what its
            format needs.
    """
    file = Path(file)
    if not file.is_file():
        raise InputError(f"{file}: no such file; check the cohort's patterns and root")
    load = {"sdat": _sdat, "twix": _twix, "pfile": _pfile, "nifti": _nifti}[format_of(file)]
    try:
        image = load(file)
        array = np.asarray(image[:], complex)
        tags = [*image.dim_tags, None, None, None][:3]
        width, frequency = float(image.spectralwidth), float(image.spectrometer_frequency[0])
    except InputError:
        raise
    except Exception as error:  # damaged bytes can make a reader raise almost anything
        text = " ".join(str(error).split())[:120]
        raise InputError(
            f"{file}: cannot be read as MR spectroscopy ({type(error).__name__}: {text}); fetch or "
            "export it again"
        ) from error
    return _arranged(file, array, tags, width, frequency)


def _arranged(file: Path, array: np.ndarray, tags: list[Any], width: float, frequency: float) -> Transients:
    """Return conditions, transients and points, in this order."""
    if array.ndim < 4 or array.shape[:3] != (1, 1, 1):
        raise InputError(f"{file}: has {array.shape[:3]} voxels; give spectroscopy of one voxel")
    if array.shape[3] < 16 or not np.isfinite(array).all() or not array.any():
        raise InputError(f"{file}: holds no signal, or values that are not finite; export it again")
    if not (width > 0 and 1 < frequency < 1000):
        raise InputError(f"{file}: says {width:g} Hz of width at {frequency:g} MHz; correct its header")
    array = array[0, 0, 0]
    names = list(tags[: array.ndim - 1])
    if COIL in names:
        place = 1 + names.index(COIL)
        array = combined(np.moveaxis(array, place, 0))
        names.remove(COIL)
    if EDIT in names:
        array = np.moveaxis(array, 1 + names.index(EDIT), 0)
    else:
        array = array[None]
    return Transients(np.moveaxis(array.reshape(*array.shape[:2], -1), 1, 2), width, frequency)


def combined(coils: np.ndarray) -> np.ndarray:
    """Return the sum of coils, (P, ...) complex, each weighed and turned by its part of the common signal.

    Args:
        coils: (C, P, ...) complex.
    """
    mean = coils.reshape(*coils.shape[:2], -1).mean(-1)
    left, _, right = np.linalg.svd(mean, full_matrices=False)
    # the common signal begins with phase 0
    weights = left[:, 0].conj() * np.exp(-1j * np.angle(right[0, 0]))
    return np.tensordot(weights, coils, 1)


def _sdat(file: Path) -> Any:
    from spec2nii.Philips.philips import read_sdat_spar_pair

    parameters = parameter_file(file)
    if parameters is None or not parameters.is_file():
        raise InputError(f"{file}: has no SPAR file beside it, which says how to read it; add it")
    return read_sdat_spar_pair(file, parameters, tags=[None, None, None])[0][0]


def _twix(file: Path) -> Any:
    from mapvbvd import mapVBVD
    from spec2nii.Siemens.twixfunctions import process_twix

    scans = mapVBVD(str(file), quiet=True)
    scan = scans[-1] if isinstance(scans, list) else scans
    none: dict[str, tuple[None, None, None]] = {"dims": (None, None, None), "tags": (None, None, None)}
    return process_twix(scan, None, file.name, "image", none, quiet=True, remove_os=True)[0][0]


def _pfile(file: Path) -> Any:
    from spec2nii.GE.ge_pfile import read_pfile

    return read_pfile(file, None)[0][0]


def _nifti(file: Path) -> Any:
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    return NIFTI_MRS(file)


def write_nifti(file: Path, fids: np.ndarray, width: float, frequency: float) -> None:
    """Write NIfTI-MRS.

    Args:
        file: its name ends with ``.nii`` or ``.nii.gz``.
        fids: (P, conditions, N) complex.
        width: spectral width, Hz.
        frequency: of the spectrometer, MHz.
    """
    from nifti_mrs.create_nmrs import gen_nifti_mrs

    array = np.asarray(fids, np.complex64)[None, None, None]
    gen_nifti_mrs(array, 1 / width, frequency, dim_tags=[EDIT, "DIM_DYN", None]).save(file)
