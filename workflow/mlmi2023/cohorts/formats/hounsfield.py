"""Tell intensities of CT from others that pass for them."""

from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError

#: what scanners write, metal and padding included
LOWEST, HIGHEST = -5000.0, 20000.0
#: share of voxels that may lie outside
STRAY = 0.01
#: least distance between the darkest and the brightest hundredth: water and fat are 100 apart
LEAST = 20.0


def check_hounsfield(values: np.ndarray, where: str | Path, fix: str) -> None:
    """Refuse what cannot be Hounsfield units: bytes in the wrong order, a range of 0 to 1, a blank scan.

    Args:
        values: of a whole scan, any shape.
        where: file, for the message.
        fix: keys that set the units, or what else to do.

    Raises:
        InputError: values that are not finite, far outside those of scanners, or all nearly the same.
    """
    # a few million voxels tell as much as all of them
    sample = np.asarray(values).reshape(-1)[:: max(1, values.size // 2_000_000)].astype(np.float32)
    if not np.isfinite(sample).all():
        raise InputError(f"{where}: voxels are NaN or infinite; {fix}")
    stray = float(((sample < LOWEST) | (sample > HIGHEST)).mean())
    low, high = (float(v) for v in np.percentile(sample, [1, 99]))
    if stray > STRAY:
        raise InputError(
            f"{where}: values go from {sample.min():g} to {sample.max():g}, no Hounsfield units; {fix}"
        )
    if high - low < LEAST:
        raise InputError(
            f"{where}: nearly all values lie between {low:g} and {high:g}, no Hounsfield units of a body; "
            f"{fix}"
        )
