"""What is packed stays as it was packed: the seal of a packed cohort, and its comparison when it is read.

``cohort.json`` names every other file of the folder with its size and a hash of its bytes, and is sealed by a
hash of itself. Both are written by the one function that ends the packing of every form.

Hashing a large cohort takes minutes, and hundreds of jobs of a cluster read one. So a job looks at sizes and
times of change first; a small stamp beside the folder (``.packed.checked.json``) keeps those under which the
bytes were last found to be right. Packing writes it, so that nobody hashes again as long as no file is
touched. Where a file has another time (a copy, a restored backup, an edit), whoever comes first hashes the
folder and writes a new stamp; where that cannot be written, each process hashes once. An edit that restores
size and time by intent is not seen.

Standard library only: the workflow imports it when it loads.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from mlmi2023.core.conditions import named
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import content_hash, file_hash, write_json
from mlmi2023.core.json_files import read_object
from mlmi2023.core.seals import sealed, unbroken

ABOUT = "cohort.json"
#: seconds in which a file can change twice and keep its time, on the coarsest of common disks
TICK = 0.02
KEYS = {
    "subjects": list[dict[str, Any]],
    "content_hash": str,
    "files": dict[str, dict[str, Any]],
    "seal": str,
}

#: The seal, and size and time of change of each file.
State = dict[str, Any]
#: states that this process has found to be right, by folder
_right: dict[Path, State] = {}


def seal(folder: Path, about: dict[str, Any], hashed: Any) -> None:
    """End the packing of a cohort: write its ``cohort.json``.

    Args:
        folder: all else is in it.
        about: what the form says of the cohort.
        hashed: hashes of the packed content, which with ``about`` give its ``content_hash``.

    Raises:
        InputError: a subject's name would lead out of a folder, since predictions are named by it.
    """
    about = {key: value for key, value in about.items() if key not in ("content_hash", "files", "seal")}
    _check_names(about)
    about["content_hash"] = content_hash([about, hashed])
    files = sorted(file for file in folder.iterdir() if file.name != ABOUT)
    content = {**about, "files": {f.name: {"bytes": f.stat().st_size, "sha256": file_hash(f)} for f in files}}
    # as it will be read: JSON knows no tuples
    content = json.loads(json.dumps(content, default=str))
    write_json(folder / ABOUT, sealed(content))


def _check_names(about: dict[str, Any]) -> None:
    """Refuse subjects whose names are no names; those of a table name no file and are free."""
    for row in about["subjects"] if about.get("form") != "table" else ():
        for key in ("subject", "case"):
            if wrong := named(str(row.get(key, "x"))):
                raise InputError(
                    f"cohort '{about['name']}': {key} {str(row[key])[:60]!r}: {wrong}; rename it"
                )


def read_sealed(folder: Path) -> dict[str, Any]:
    """Return the ``cohort.json`` of a packed cohort, once it and all files are found to be as packed.

    Raises:
        InputError: there is none, or anything has changed since; the line names the file.
    """
    fix = f"delete {folder} and pack again"
    if not (folder / ABOUT).exists():
        raise InputError(f"{folder}: no packed cohort here ({ABOUT} is missing); make it with the workflow")
    about = read_object(folder / ABOUT, KEYS, fix)
    if not unbroken(about):
        raise InputError(f"{folder / ABOUT}: was changed after the packing; {fix}")
    state = {"seal": about["seal"], "files": {name: _look(folder / name, fix) for name in about["files"]}}
    for name, packed in about["files"].items():
        size = state["files"][name][0]
        if size != packed["bytes"]:
            raise InputError(f"{folder / name}: has {size} bytes, {packed['bytes']} were packed; {fix}")
    place = folder.absolute()
    if state not in (_right.get(place), _stamped(folder)):
        for name, packed in about["files"].items():
            if _hash(folder / name, fix) != packed["sha256"]:
                raise InputError(f"{folder / name}: its content has changed since it was packed; {fix}")
        stamp(folder, state)
    _right[place] = state
    return about


def stamp(folder: Path, state: State | None = None) -> None:
    """Write down that the files are right as they are now; a place that takes no stamp goes without.

    Args:
        folder: the packed folder.
        state: what was looked at before the files were; None: they have just been packed.
    """
    if state is None:
        time.sleep(TICK)  # whatever changes from now on has another time
        about = read_object(folder / ABOUT, KEYS)
        state = {"seal": about["seal"], "files": {name: _look(folder / name, "") for name in about["files"]}}
    elif any(changed > time.time_ns() - TICK * 1e9 for _, changed in state["files"].values()):
        return  # it could change once more and keep its time
    try:
        write_json(_stamp_file(folder), state)
    except InputError as error:
        print(f"note: {error}; every job hashes the packed cohort", flush=True)


def _stamp_file(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.checked.json")


def _stamped(folder: Path) -> State | None:
    """Return what the stamp says; one that cannot be read says nothing, and is written anew."""
    try:
        return json.loads(_stamp_file(folder).read_text())  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return None


def _look(file: Path, fix: str) -> list[int]:
    """Return the size of a file in bytes and the time of its last change in ns."""
    try:
        found = os.stat(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {fix}") from error
    if not file.is_file():
        raise InputError(f"{file}: is a folder where a file was packed; {fix}")
    return [found.st_size, found.st_mtime_ns]


def _hash(file: Path, fix: str) -> str:
    try:
        return file_hash(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {fix}") from error
