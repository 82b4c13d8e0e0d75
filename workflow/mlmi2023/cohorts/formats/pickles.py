"""Read the pickles of TransMorph's preprocessed datasets without running what they may hold.

Such a file is a pickled pair of arrays, image and labels, 160x192x224, and says nothing about orientation.
They were made with FreeSurfer and cropped from its conformed volumes, so their axes run to the left,
downwards and forwards ("LIA") at 1 mm. The affine returned here says so, with the world's origin in the
volume's centre.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError

# columns: where the array's axes point in RAS mm
LIA = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])

_core_of_numpy: Any = np._core  # type: ignore[attr-defined]
_multiarray = _core_of_numpy.multiarray
_NUMPY: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
for _core in ("numpy.core", "numpy._core"):  # the name before and since numpy 2
    _NUMPY[f"{_core}.multiarray", "_reconstruct"] = _multiarray._reconstruct
    _NUMPY[f"{_core}.multiarray", "scalar"] = _multiarray.scalar
    _NUMPY[f"{_core}.numeric", "_frombuffer"] = _core_of_numpy.numeric._frombuffer


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something other than arrays."""


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``, which protocol 2 uses for an array's bytes."""
    if encoding != "latin1":
        raise _Refused(f"text encoding {encoding}")
    return text.encode("latin1")


class _ArraysOnly(pickle.Unpickler):
    """Builds numpy arrays and plain containers; any other class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few names that pickled arrays need."""
        if (module, name) == ("_codecs", "encode"):
            return _encode
        try:
            return _NUMPY[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


def read_pickle(path: Path, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return one array of a pickled pair and its affine.

    Args:
        path: the file.
        what: ``image`` (the first array) or ``labels`` (the second).

    Raises:
        InputError: the file is broken, holds anything but arrays, or lacks the array.
    """
    try:
        with open(path, "rb") as stream:
            content = _ArraysOnly(stream).load()
    except _Refused as error:
        raise InputError(
            f"{path}: holds something other than arrays ({str(error)[:80]}) and was not opened; "
            "use the file of the published release"
        ) from error
    except Exception as error:  # damaged bytes can make the unpickler raise almost anything
        raise InputError(f"{path}: broken pickle ({type(error).__name__}); fetch it again") from error
    arrays = list(content) if isinstance(content, (tuple, list)) else [content]
    index = 0 if what == "image" else 1
    if index >= len(arrays) or not isinstance(arrays[index], np.ndarray):
        raise InputError(f"{path}: has no {what} array; expected a pickled pair of image and labels")
    data = arrays[index]
    affine = np.eye(4)
    affine[:3, :3] = LIA
    affine[:3, 3] = -LIA @ ((np.array(data.shape[:3] + (1,) * (3 - data.ndim)) - 1) / 2)
    return data, affine
