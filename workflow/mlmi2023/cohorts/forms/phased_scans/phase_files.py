"""Read the files of one phase of a 4D CT: NIfTI or headerless volumes, and landmarks as text.

A headerless volume (DIR-Lab) holds voxels alone, the first axis running fastest; its size stands elsewhere.
Where nothing says in which direction its axes run, the configuration does.
"""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.formats.hounsfield import check_hounsfield
from mlmi2023.cohorts.formats.volumes import read_volume
from mlmi2023.core.errors import InputError
from mlmi2023.preprocessing.xfm import apply

# towards where an axis runs: its place in RAS and its sign
DIRECTIONS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
TYPES = ("int16", "uint16", "float32")


def read_scan(path: str, patient: str, read: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Read one phase.

    Args:
        path: its file.
        patient: whose it is.
        read: key ``read`` of the cohort; with ``raw`` the file has no header.

    Returns:
        (X, Y, Z) float32 Hounsfield units and the affine, voxel to RAS mm.

    Raises:
        InputError: the file cannot be used.
    """
    raw, fix = read.get("raw"), "check read.offset and the scan"
    if not raw:
        image, affine = read_volume(path)
        image = image + np.float32(read.get("offset", 0))
        check_hounsfield(image, path, fix)
        return image, affine
    about = (read.get("volumes") or {}).get(patient)
    if not about:
        raise InputError(
            f"{path}: read.volumes says nothing about patient {patient}; give it size and spacing"
        )
    order = {"little": "<", "big": ">"}[raw.get("byte_order", "little")]
    size, kind = tuple(int(n) for n in about["size"]), np.dtype(raw.get("type", "int16")).newbyteorder(order)  # type: ignore[arg-type]
    expected = int(np.prod(size)) * kind.itemsize
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; check the cohort's patterns and root")
    found = Path(path).stat().st_size
    if found != expected:
        raise InputError(
            f"{path}: has {found} bytes, {' x '.join(map(str, size))} voxels of type {kind.name} take "
            f"{expected}; fetch it again, or correct read.volumes.{patient}"
        )
    image = np.fromfile(path, kind).reshape(size[::-1]).T.astype(np.float32)
    if not np.isfinite(image).all() or image.min() == image.max():
        raise InputError(f"{path}: voxels are not finite, or all the same; fetch it again")
    image = image + np.float32(read.get("offset", 0))
    check_hounsfield(image, path, "check read.raw (type, byte_order), read.offset and the scan")
    return image, raw_affine(raw["axes"], about["spacing"])


def stored_grid(
    path: str, scan: tuple[np.ndarray, np.ndarray], read: dict[str, Any]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return affine and shape of a scan as its file has it; :func:`read_scan` may have turned it.

    Args:
        path: the scan's file.
        scan: what :func:`read_scan` returned.
        read: key ``read`` of the cohort.
    """
    if read.get("raw") or read.get("landmark_index") is None:
        return scan[1], scan[0].shape
    image: Any = nib.load(path)
    return np.asarray(image.affine, float), tuple(image.shape[:3])


def raw_affine(axes: str, spacing: Any) -> np.ndarray:
    """Return the affine of a headerless volume, first voxel at the origin.

    Args:
        axes: towards where each axis runs, such as ``LPI``: left, back (posterior), feet (inferior).
        spacing: mm along each axis.

    Raises:
        InputError: these are no three directions.
    """
    places = [DIRECTIONS.get(letter, (-1, 0)) for letter in axes]
    if sorted(place for place, _ in places) != [0, 1, 2]:
        raise InputError(
            f"config of the cohort: key 'read.raw.axes' is '{axes}'; give one each of R or L, A or P, S or I"
        )
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, ((place, sign), step) in enumerate(zip(places, spacing)):
        affine[place, axis] = sign * float(step)
    return affine


def read_landmarks(path: str, affine: np.ndarray, shape: tuple[int, ...], first: int | None) -> np.ndarray:
    """Read landmarks of one phase.

    Args:
        path: text with x, y and z per row, between blanks or commas; a first row of names is left out.
        affine: of the phase's scan, voxel to RAS mm.
        shape: of the phase's scan.
        first: number of the first voxel where rows are voxels of the scan as stored; None: they are RAS mm.

    Returns:
        (K, 3) RAS mm.

    Raises:
        InputError: a row holds no three numbers, or lies outside the scan.
    """
    points = _numbers(Path(path))
    if len(points) > 1 and (points == points[0]).all():
        raise InputError(f"{path}: all {len(points)} landmarks are the same; fetch it again")
    world = points if first is None else apply(affine, points - first)
    voxels = apply(np.linalg.inv(affine), world)
    outside = ((voxels < -0.5) | (voxels > np.array(shape) - 0.5)).any(1)
    if outside.any():
        row = int(outside.argmax())
        place = ", ".join(f"{v:g}" for v in points[row])
        unit = "mm" if first is None else "voxels"
        raise InputError(
            f"{path}: landmark {row + 1} at ({place}) {unit} lies outside the scan of "
            f"{' x '.join(map(str, shape))} voxels; check read.landmark_index and the file"
        )
    return world


def _numbers(path: Path) -> np.ndarray:
    try:
        with open(path, encoding="utf-8") as stream:
            rows = stream.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch it again") from error
    found = []
    for number, row in enumerate(rows, 1):
        words = row.replace(",", " ").split()
        if not words or (number == 1 and words[0].strip('"').isalpha()):
            continue
        try:
            x, y, z = (float(word) for word in words)
        except ValueError as error:
            raise InputError(
                f"{path}: line {number} is no x, y, z; give three numbers per landmark"
            ) from error
        found.append((x, y, z))
    if not found or not np.isfinite(found).all():
        raise InputError(f"{path}: holds no landmarks, or some that are not finite; fetch it again")
    return np.array(found)
