"""The files of a bench record, and whether they are as they were published.

``record.json`` holds a hash of each other file of the record and is sealed by one of itself: a number that
was edited by hand, or a table that is cut or gone, is noticed. Standard library only: the workflow asks for
records when it loads.
"""

from pathlib import Path
from typing import Any

from mlmi2023.core.files import file_hash
from mlmi2023.core.json_files import read_object
from mlmi2023.core.seals import SEAL, unbroken

ABOUT = "record.json"
FIX = "publish again"
NEEDED = {
    **dict.fromkeys(("paper", "scale", "code_version", "code_hash", "config_hash", "machine"), str),
    **{"sources": list[str], "configfiles": list[str], "seeds": list[int], "runs": list[dict[str, Any]]},
    **{"published": str, "seconds": float, "dirty": bool, "packages": dict[str, str]},
    "data_hashes": list[str],
}
#: what speaks against a record that no hashes vouch for
UNSEALED = "made before hashes, so that an edit would go unnoticed"


def read_about(folder: Path) -> dict[str, Any]:
    """Return the content of ``record.json``.

    Raises:
        InputError: it is missing or broken.
    """
    return read_object(folder / ABOUT, NEEDED, FIX, {"files": dict[str, str], SEAL: str})


def changed_files(folder: Path, about: dict[str, Any]) -> list[str]:
    """Return what was changed since the record was published, one phrase a file; empty for nothing.

    Files of a record from before there were hashes cannot be told to have changed.
    """
    if SEAL not in about:
        return [f"{ABOUT} has lost its seal"] if "files" in about else []
    if not unbroken(about) or "files" not in about:
        return [f"{ABOUT} was edited"]
    found = []
    for name, wanted in about["files"].items():
        file = folder / name
        if not file.is_file():
            found.append(f"{name} is missing")
        elif file_hash(file) != wanted:
            found.append(f"{name} was edited")
    return found
