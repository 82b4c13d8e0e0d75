"""Read and write volumes: whatever the file's format and orientation, arrays come out in RAS order.

Formats: ``.nii``, ``.nii.gz``, ``.mgz``, ``.mgh``, ``.img``/``.hdr``, and the pickles that TransMorph's
preprocessed datasets come as (see :mod:`mlmi2023.cohorts.formats.pickles`).
"""

import warnings
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.formats.header_checks import check_size, check_voxels, two_places, unpack
from mlmi2023.cohorts.formats.pickles import read_pickle
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic

Volume = tuple[np.ndarray, np.ndarray]

#: no scanner's numbers, and their squares still fit a float32
BRIGHTEST = 1e12


def read_volume(path: str | Path) -> Volume:
    """Read a 3-D image.

    Returns:
        the intensities, float32 (X, Y, Z) in RAS+ order, and the 4x4 affine from voxel to RAS mm.

    Raises:
        InputError: the file is missing, empty or broken, holds more than one volume or a single slice, NaN,
            infinity, one value only, or no usable affine.
    """
    raw, affine = _load(Path(path), "image")
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(raw, dtype=np.float32)
    bad = data.size - int(np.count_nonzero(np.isfinite(data)))
    if bad:
        raise InputError(f"{path}: {bad} voxels are NaN or infinite; replace them, for instance by 0")
    if (most := float(np.abs(data).max())) > BRIGHTEST:
        raise InputError(f"{path}: intensities reach {most:.3g}; check slope and intercept in its header")
    if data.min() == data.max():
        raise InputError(f"{path}: all voxels are {data.flat[0]:g}, the image is blank; export it again")
    return data, affine


def read_labels(path: str | Path, empty: bool = False) -> Volume:
    """Read a 3-D label image.

    Args:
        path: the file.
        empty: a map of zeros will do: a head without a lesion is a case too.

    Returns:
        the labels, the smallest of uint8, int16 and int32 that holds them, (X, Y, Z) in RAS+ order, and the
        4x4 affine from voxel to RAS mm.

    Raises:
        InputError: as for :func:`read_volume`; or values are negative or no whole numbers.
    """
    raw, affine = _load(Path(path), "labels")
    if raw.dtype.kind == "f":
        if not np.isfinite(raw).all():
            raise InputError(f"{path}: labels hold NaN or infinity; save them as integers")
        rounded = np.rint(raw)
        if np.abs(raw - rounded).max() > 1e-3:
            value = raw.flat[int(np.argmax(np.abs(raw - rounded)))]
            raise InputError(
                f"{path}: labels hold {value:g}, which is no whole number; "
                "give a label image resampled with nearest neighbour"
            )
        raw = rounded
    low, high = raw.min(), raw.max()
    if low < 0 or high > np.iinfo(np.int32).max:
        raise InputError(f"{path}: labels go from {low:g} to {high:g}; give values from 0 to 2147483647")
    if high == 0 and not empty:
        raise InputError(f"{path}: labels are 0 everywhere; give a label image with structures")
    return np.ascontiguousarray(raw, dtype=label_type(int(high))), affine


def label_type(highest: int) -> type[np.integer]:
    """Return the smallest of uint8, int16 and int32 that holds labels from 0 to ``highest``."""
    return np.uint8 if highest < 256 else np.int16 if highest < 2**15 else np.int32


def check_same_grid(image: Volume, labels: Volume, where: str | Path) -> None:
    """Refuse an image and labels that do not lie on the same voxels.

    Args:
        image: array and affine of the image.
        labels: array and affine of the labels.
        where: the label file, for the message.

    Raises:
        InputError: the shapes differ, or some corner lies more than a tenth of a voxel apart.
    """
    shape, other = image[0].shape, labels[0].shape
    if shape != other:
        raise InputError(f"{where}: labels are {other}, the image is {shape}; resample one to the other")
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape], [1], indexing="ij")).reshape(4, -1)
    apart = float(np.linalg.norm(((image[1] - labels[1]) @ corners)[:3], axis=0).max())
    if apart > 0.1 * float(np.linalg.norm(image[1][:3, :3], axis=0).min()):
        raise InputError(
            f"{where}: labels lie up to {apart:.2f} mm away from the image's voxels; "
            "copy the image's affine or resample the labels"
        )


def write_volume(path: str | Path, array: np.ndarray, affine: np.ndarray) -> None:
    """Write NIfTI, whole or not at all; the same array gives the same bytes.

    Args:
        path: ends with ``.nii`` or ``.nii.gz``.
        array: (X, Y, Z) or (X, Y, Z, C); bool is stored as uint8, float64 as float32, int64 as int32.
        affine: 4x4, voxel to RAS mm.
    """
    narrower = {"bool": np.uint8, "float64": np.float32, "int64": np.int32, "float16": np.float32}
    data = np.asarray(array, dtype=narrower.get(array.dtype.name, array.dtype))
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    with atomic(path) as part:
        image.to_filename(part)


def _load(path: Path, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the raw array in RAS order, with three axes and at least one voxel, and its affine."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the cohort's patterns and root")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); fetch or export it again")
    if path.suffix == ".pkl":
        data, affine = read_pickle(path, what)
    else:
        data, affine = _load_image(path)
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InputError(f"{path}: has the shape {data.shape}; give one 3-D volume")
    if data.size == 0:
        raise InputError(f"{path}: has the shape {data.shape}, no voxel; export it again")
    if min(data.shape) < 2:
        raise InputError(f"{path}: has the shape {data.shape}, a single slice; give one 3-D volume")
    if data.dtype.kind not in "biuf":
        raise InputError(f"{path}: voxels are of type {data.dtype}; give one real number each")
    check_voxels(path, affine)
    return _to_ras(data, affine)


def _load_image(path: Path) -> tuple[np.ndarray, Any]:
    try:
        image: Any = nib.load(path)
        if isinstance(image, (nib.AnalyzeImage, nib.MGHImage)):
            promised = check_size(path, image)
            if path.name.endswith((".nii.gz", ".mgz")):
                # unpacked whole, since only then its checksum is compared
                kind: Any = type(image)
                image = kind.from_bytes(unpack(path, image, promised))
        if apart := two_places(image):
            warnings.warn(f"{path}: {apart}", stacklevel=4)
        return np.asarray(image.dataobj), np.asarray(image.affine, dtype=float)
    except InputError:
        raise
    except Exception as error:  # damaged bytes can make a reader raise almost anything
        reason = " ".join(str(error).split()).replace(str(path), "file") or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason[:120]}); fetch or export it again") from error


def _to_ras(data: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flip and permute axes so that they run to the right, to the front and upwards, as near as they can."""
    turn = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(data, turn)
    return turned, affine @ nib.orientations.inv_ornt_aff(turn, data.shape)
