"""What the header of a NIfTI or MGH image says, held against its file before voxels are read.

A header of a few bytes may promise any number of voxels; the room for all of them would be taken before
somebody notices that they are not there.
"""

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError

#: how far these can shrink a file of zeros: the limit of deflate, and about what the others reach
RATIO = {".gz": 1032, ".mgz": 1032, ".bz2": 50000, ".zst": 50000}
#: mm; finer or coarser voxels are metres or micrometres in a header that says mm
FINEST, COARSEST = 0.005, 100.0
#: bytes that may follow the voxels: tags of MGH, padding
TAGS, PADDING = 2**20, 1024


def check_size(path: Path, image: Any) -> int:
    """Refuse a file that cannot hold the voxels that its header promises, or that holds far more.

    Args:
        path: the file, for the message.
        image: as nibabel opens it, voxels not read.

    Returns:
        bytes up to the last voxel, unpacked.

    Raises:
        InputError: the line has both sizes.
    """
    holder = Path(image.file_map["image"].filename)
    held = holder.stat().st_size
    start = int(getattr(image.dataobj, "offset", 0))
    promised = start + math.prod(int(n) for n in image.shape) * image.get_data_dtype().itemsize
    packed = holder.suffix in RATIO
    if promised > held * RATIO.get(holder.suffix, 1):
        raise _other_size(path, image, promised, f"{_bytes(held)}{', compressed' if packed else ''}")
    if not packed and held > promised + _slack(image, promised):
        raise _other_size(path, image, promised, _bytes(held))
    return promised


def unpack(path: Path, image: Any, promised: int) -> bytes:
    """Unpack a gzip file whole, checksum included, but not further than its header promises.

    Raises:
        InputError: far more comes out than the header says.
        EOFError, zlib.error: the file is cut short or damaged.
    """
    data, parts, room = path.read_bytes(), [], promised + _slack(image, promised) + 1
    while data:
        one = zlib.decompressobj(wbits=31)
        parts.append(one.decompress(data, room))
        room -= len(parts[-1])
        if room < 1:
            raise _other_size(path, image, promised, "more, unpacked")
        if not one.eof:
            raise EOFError("the compressed file ends too early")
        data = one.unused_data.lstrip(b"\0")
    return b"".join(parts)


def check_voxels(path: Path, affine: np.ndarray) -> None:
    """Refuse an affine (4, 4) that cannot be inverted, or whose voxels are no millimetres.

    Raises:
        InputError: the line names the voxel size.
    """
    columns = affine[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    if (
        not np.isfinite(affine).all()
        or not spacing.all()
        or abs(np.linalg.det(columns / spacing)) < 1e-3
        or not affine[3].tolist() == [0, 0, 0, 1]
    ):
        raise InputError(f"{path}: the affine cannot be inverted; repair the header (sform or qform)")
    if spacing.min() < FINEST or spacing.max() > COARSEST:
        size = " x ".join(f"{s:.3g}" for s in spacing)
        raise InputError(
            f"{path}: voxels of {size} mm; the header must count in mm, not metres or micrometres: repair it"
        )


def voxel_size(path: str | Path, affine: np.ndarray) -> np.ndarray:
    """Return mm along the axes of an image whose voxels are boxes.

    Raises:
        InputError: the axes are not at right angles, so that no voxel size describes them.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / spacing
    lean = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if lean > math.sin(math.radians(1)):
        raise InputError(
            f"{path}: its axes are {math.degrees(math.asin(min(lean, 1))):.0f} degrees off right angles "
            "(sheared affine, tilted gantry); resample it to a grid at right angles"
        )
    return spacing


def two_places(image: Any) -> str:
    """Return what to say of a NIfTI whose sform and qform put it to different places; empty if they agree."""
    header = image.header
    if not hasattr(header, "get_sform"):
        return ""
    used, other = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if used is None or other is None:
        return ""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in image.shape[:3]], [1], indexing="ij")).reshape(4, -1)
    apart = float(np.linalg.norm(((used - other) @ corners)[:3], axis=0).max())
    if not apart > float(np.linalg.norm(used[:3, :3], axis=0).max()):
        return ""
    return f"sform and qform lie up to {apart:.0f} mm apart; the sform is used"


def _slack(image: Any, promised: int) -> int:
    tagged = type(image).__name__.startswith("MGH")
    return max(promised // 2, TAGS if tagged else PADDING)


def _other_size(path: Path, image: Any, promised: int, held: str) -> InputError:
    shape = " x ".join(map(str, image.shape))
    return InputError(
        f"{path}: cannot be read (its header says {shape} voxels of type {image.get_data_dtype()}, "
        f"{_bytes(promised)}; the file holds {held}); fetch or export it again"
    )


def _bytes(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
