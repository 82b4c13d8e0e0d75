"""What packed cohorts of all forms say of themselves, and how their arrays are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmi2023.cohorts.seal import read_sealed
from mlmi2023.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np


def data_hash(path: str | Path) -> str:
    """Return the content hash of a packed cohort of any form.

    Raises:
        InputError: there is no packed cohort at ``path``, or it has changed since it was packed.
    """
    return about_packed(path)["content_hash"]


def about_packed(path: str | Path, form: str | None = None) -> dict[str, Any]:
    """Return the ``cohort.json`` of a packed cohort; nothing of it has changed since it was packed.

    Args:
        path: the packed folder.
        form: that it must be of; None: any.

    Raises:
        InputError: there is none at ``path``, it has changed since, or it is of another form.
    """
    about = read_sealed(Path(path))
    if form is not None and about.get("form", "volumes") != form:
        raise InputError(f"{path}: a packed cohort of another form than {form}; name one in the config")
    return about


def packed_array(file: Path, shape: tuple[int, ...] | None = None) -> "np.memmap":
    """Return an array of a packed cohort, read-only, its pages read when they are used.

    Args:
        file: a ``.npy`` file.
        shape: that it must have; None: any.

    Raises:
        InputError: it is missing, broken, or of another shape.
    """
    import numpy as np

    fix = f"delete {file.parent} and pack again"
    try:
        array = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file}: cannot be read ({error}); {fix}") from error
    if not isinstance(array, np.memmap):
        raise InputError(f"{file}: is no single array; {fix}")
    if shape is not None and array.shape != tuple(shape):
        raise InputError(f"{file}: has the shape {array.shape}, cohort.json says {tuple(shape)}; {fix}")
    return array
