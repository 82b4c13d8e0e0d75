"""Arrays from MATLAB's files (``.mat``, up to version 7.2)."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError


def read_mat(file: Path, names: Sequence[str], axes: int = 3) -> dict[str, np.ndarray]:
    """Return some variables of a file, each a numerical array of ``axes`` axes.

    Raises:
        InputError: the file cannot be read, is of version 7.3, lacks a variable, or one is no such array.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found = loadmat(file, variable_names=list(names))
    except NotImplementedError as error:
        raise InputError(f"{file}: is of MATLAB's version 7.3; save it with the option '-v7'") from error
    except (OSError, ValueError, TypeError, EOFError, MatReadError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read as a MATLAB file ({error}); get it again") from error
    for name in names:
        if name not in found:
            raise InputError(f"{file}: has no variable '{name}'; name another, or get the file again")
        array = found[name]
        if not isinstance(array, np.ndarray) or array.ndim != axes or array.dtype.kind not in "biuf":
            raise InputError(f"{file}: '{name}' is no numerical array of {axes} axes; name another variable")
    return {name: found[name] for name in names}
