"""Read a folder of DICOM slices of MR as one volume; slices are put in order by where they lie.

Files of public data sets have been through many hands: names count otherwise than slices lie, and headers
have lost what identifies a patient. A volume needs to know where slices lie and how large pixels are.
"""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.dicom import keep_locale
from mlmi2023.cohorts.formats.dicom_headers import ORIENTATION, PIXEL, POSITION, Header, read_header
from mlmi2023.core.errors import InputError

#: how far distances between neighbouring slices may differ, of their mean
UNEVEN = 0.1


@keep_locale()
def read_mr_series(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read all slices in a folder.

    Args:
        folder: of the slices (``*.dcm``) of one series.

    Returns:
        intensities, float32 (X, Y, Z) in RAS+ order, and the 4x4 affine, voxel to RAS mm.

    Raises:
        InputError: there are fewer than two slices, a file is broken, or slices are no even stack of one
            size and orientation.
    """
    import nibabel as nib
    import SimpleITK as sitk

    folder = Path(folder)
    files = sorted(file for file in folder.glob("*.[dD][cC][mM]") if file.is_file())
    if len(files) < 2:
        raise InputError(f"{folder}: holds {len(files)} slices, no volume; fetch the missing ones")
    headers = [read_header(file) for file in files]
    across, down, step, order = _stack(folder, headers)
    planes = []
    for place in order:
        try:
            planes.append(sitk.GetArrayFromImage(sitk.ReadImage(str(files[place]), sitk.sitkFloat32)))
        except RuntimeError as error:
            raise InputError(f"{files[place]}: cannot be read; fetch or export it again") from error
    if len({plane.shape for plane in planes}) > 1:
        raise InputError(f"{folder}: slices have different sizes; give a folder with one series")
    data = np.concatenate([plane.reshape(1, *plane.shape[-2:]) for plane in planes]).transpose(2, 1, 0)
    if data.min() == data.max():
        raise InputError(f"{folder}: all voxels are {data.flat[0]:g}, the image is blank; leave it out")
    lps = np.eye(4)
    lps[:3, :3] = np.stack([across, down, step], axis=1)
    lps[:3, 3] = headers[order[0]].numbers(POSITION, 3)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    turn = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(data, turn)
    return np.ascontiguousarray(turned, np.float32), affine @ nib.orientations.inv_ornt_aff(turn, data.shape)


def _stack(folder: Path, headers: list[Header]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Return the steps from voxel to voxel (LPS mm) along rows, columns and slices, and the slices' order."""
    axes, pixel = headers[0].numbers(ORIENTATION, 6), headers[0].numbers(PIXEL, 2)
    for header in headers[1:]:
        if not np.allclose(header.numbers(ORIENTATION, 6), axes, atol=1e-2) or not np.allclose(
            header.numbers(PIXEL, 2), pixel, atol=1e-3
        ):
            raise InputError(
                f"{header.file}: lies otherwise than {headers[0].file.name}; give a folder with one series"
            )
    across, down = axes[:3], axes[3:]
    normal = np.cross(across, down)
    places = np.array([header.numbers(POSITION, 3) for header in headers])
    along = places @ normal
    order = np.argsort(along, kind="stable").tolist()
    gaps = np.diff(along[order])
    if gaps.min() <= 0 or np.abs(gaps - gaps.mean()).max() > UNEVEN * gaps.mean():
        raise InputError(
            f"{folder}: slices lie {gaps.min():.3g} to {gaps.max():.3g} mm apart; some are missing or stand "
            "twice, so fetch the series again"
        )
    step = (places[order[-1]] - places[order[0]]) / (len(order) - 1)
    # pixel spacing is that between rows, then between columns
    return across * pixel[1], down * pixel[0], step, order
