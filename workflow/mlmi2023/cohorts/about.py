"""What packed cohorts of all forms say of themselves: the file ``cohort.json``."""

from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json


def data_hash(path: str | Path) -> str:
    """Return the content hash of a packed cohort of any form.

    Raises:
        InputError: there is no packed cohort at ``path``.
    """
    return about_packed(path)["content_hash"]


def about_packed(path: str | Path) -> dict[str, Any]:
    """Return the ``cohort.json`` of a packed cohort of any form.

    Raises:
        InputError: there is none at ``path``, or it lacks what all forms have.
    """
    file = Path(path) / "cohort.json"
    if not file.is_file():
        raise InputError(f"{path}: no packed cohort here (cohort.json is missing); make it with the workflow")
    about = read_json(file)
    lost = [key for key in ("subjects", "content_hash") if key not in about]
    if lost:
        raise InputError(f"{file}: not a packed cohort (no {lost[0]}); delete the folder and pack again")
    return about
