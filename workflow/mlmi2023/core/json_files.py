"""Read JSON files of ours whose keys have a type: what is wrong with one becomes one line that names it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.core.options import read
from mlmi2023.core.values import Mistake, show

#: Annotation by key, as models have them (:mod:`mlmi2023.core.options`).
Keys = Mapping[str, Any]


def read_object(
    path: str | Path, needs: Keys, fix: str = "delete it and run again", may: Keys | None = None
) -> dict[str, Any]:
    """Return the content of a JSON file that holds keys.

    Args:
        path: the file.
        needs: keys that it must have, with their annotations; others pass.
        fix: what a message tells the user to do.
        may: keys that it may lack.

    Raises:
        InputError: it cannot be read, holds something else than keys, or lacks one, or one has another type.
    """
    content = read_json(path, fix)
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds {show(content)} instead of keys; {fix}")
    if lacking := [key for key in needs if key not in content]:
        raise InputError(f"{path}: lacks {', '.join(lacking)}; {fix}")
    for key, kind in {**(may or {}), **needs}.items():
        if key in content:
            try:
                read(kind, content[key])
            except Mistake as mistake:
                said = mistake.within(key).line().partition(";")[0]
                raise InputError(f"{path}: {said}; {fix}") from None
    return content


def read_rows(path: str | Path, needs: Keys, fix: str = "delete it and run again") -> list[dict[str, Any]]:
    """Return the rows of a JSON file that holds a list of keys; see :func:`read_object`."""
    content = read_json(path, fix)
    try:
        read(list[dict[str, Any]], content)
        for number, row in enumerate(content):
            for key, kind in needs.items():
                if key not in row:
                    raise Mistake(f"row {number} lacks {key}")
                try:
                    read(kind, row[key])
                except Mistake as mistake:
                    raise mistake.within(key).within(number) from None
    except Mistake as mistake:
        raise InputError(f"{path}: {mistake.line().partition(';')[0]}; {fix}") from None
    return content  # type: ignore[no-any-return]
