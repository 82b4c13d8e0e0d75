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
        needs: keys that it must have, with their annotations or, of a mapping, those of its keys (which may
            be absent); others pass.
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
    try:
        _check(content, {**(may or {}), **needs})
    except Mistake as mistake:
        raise InputError(f"{path}: {mistake.line().partition(';')[0]}; {fix}") from None
    return content


def _check(content: Mapping[str, Any], keys: Keys) -> None:
    """Check the keys that are there; an annotation that is a mapping itself is of keys within."""
    for key, kind in keys.items():
        if key not in content:
            continue
        try:
            if isinstance(kind, Mapping):
                read(dict[str, Any], content[key])
                _check(content[key], kind)
            else:
                read(kind, content[key])
        except Mistake as mistake:
            raise mistake.within(key) from None


def read_rows(path: str | Path, needs: Keys, fix: str = "delete it and run again") -> list[dict[str, Any]]:
    """Return the rows of a JSON file that holds a list of keys; see :func:`read_object`."""
    content = read_json(path, fix)
    try:
        read(list[dict[str, Any]], content)
        for number, row in enumerate(content):
            if lacking := [key for key in needs if key not in row]:
                raise Mistake(f"row {number + 1} lacks {', '.join(lacking)}")
            try:
                _check(row, needs)
            except Mistake as mistake:
                raise mistake.within(number) from None
    except Mistake as mistake:
        raise InputError(f"{path}: {mistake.line().partition(';')[0]}; {fix}") from None
    return content  # type: ignore[no-any-return]
