"""Paths as users write them."""

import os
from pathlib import Path

from mlmi2023.core.errors import InputError


def expand(path: str) -> Path:
    """Return ``path`` with ``~`` and ``$VARIABLES`` filled in.

    Raises:
        InputError: no disk can have such a path.
    """
    made = Path(os.path.expandvars(os.path.expanduser(path)))
    if long := [part for part in made.parts if len(os.fsencode(part)) > 255]:
        raise InputError(f"config: a path has the name '{long[0][:40]}...', which is too long; shorten it")
    if "\0" in path:
        raise InputError(f"config: the path {path[:40]!r} holds a character that no path can; take it out")
    return made
