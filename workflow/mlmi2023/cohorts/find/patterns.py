"""Find files by name patterns such as ``{split}/sub-{subject}/*_T1w.nii.gz``.

``{subject}`` and ``{split}`` stand for a part of one file or folder name, ``*`` for anything inside one name.
Beside a ``*`` in the same name, ``{subject}`` takes letters and digits only, so that it has one reading.
Standard library only: this runs whenever the DAG is built.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mlmi2023.core.errors import InputError


class Match(NamedTuple):
    """One file that fits a pattern: what the placeholders stood for, its path, and whether it is lost.

    Lost is what a link leads to and is not there.
    """

    subject: str
    split: str
    path: str
    lost: bool = False


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``s2`` before ``s10``."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def clean(subject: str) -> str:
    """Return an id with letters and digits only, as BIDS wants it (``IXI002-Guys`` -> ``IXI002Guys``)."""
    return re.sub(r"[^A-Za-z0-9]", "", subject.removeprefix("sub-"))


def fill(pattern: str, subject: str, split: str = "") -> str:
    """Return ``pattern`` with its placeholders filled in."""
    return pattern.replace("{subject}", subject).replace("{split}", split)


def find(root: Path | str, pattern: str) -> Iterator[Match]:
    """Yield the files below ``root`` that fit ``pattern``, in the order of their names.

    Names that start with a dot are left out unless the pattern's name does (copies made on macOS are full of
    ``._*`` twins). A link to a file that is not there counts: whose file it is must not vanish unnoticed.

    Raises:
        InputError: a link to a folder leads nowhere.
    """
    yield from _walk(str(root), [part for part in pattern.split("/") if part not in ("", ".")], {})


def find_each(where: str, root: Path | str, pattern: str) -> dict[str, str]:
    """Return the file of each subject.

    Raises:
        InputError: a subject has two.
    """
    found: dict[str, str] = {}
    for match in find(root, pattern):
        if match.subject in found:
            raise InputError(
                f"{where}: '{pattern}' finds two files of subject {match.subject}: {found[match.subject]} "
                f"and {match.path}; make the pattern narrower or remove one"
            )
        found[match.subject] = match.path
    return found


def is_broken_link(path: str | Path) -> bool:
    """Whether a path is a link to what is not there."""
    return os.path.islink(path) and not os.path.exists(path)


def broken_link(path: str | Path) -> InputError:
    """Return the line that names a link to what is not there."""
    return InputError(
        f"{path}: a link to what is not there (of git-annex or datalad?); get the file or remove the link"
    )


def _file(path: str, bound: dict[str, str]) -> Iterator[Match]:
    if (there := os.path.isfile(path)) or is_broken_link(path):
        yield Match(bound.get("subject", ""), bound.get("split", ""), path, not there)


def _walk(folder: str, parts: list[str], bound: dict[str, str]) -> Iterator[Match]:
    name, rest = parts[0], parts[1:]
    for key, value in bound.items():
        name = name.replace("{" + key + "}", value)
    if "{" not in name and "*" not in name:
        path = os.path.join(folder, name)
        if rest:
            if os.path.isdir(path):
                yield from _walk(path, rest, bound)
        else:
            yield from _file(path, bound)
        return
    expression = _expression(name)
    try:
        names = sorted(os.listdir(folder), key=natural)
    except OSError:
        return
    for found in names:
        if found.startswith(".") and not name.startswith("."):
            continue
        match = expression.fullmatch(found)
        if match is None:
            continue
        path = os.path.join(folder, found)
        now = {**bound, **match.groupdict()}
        if rest:
            if os.path.isdir(path):
                yield from _walk(path, rest, now)
            elif is_broken_link(path):
                raise broken_link(path)
        else:
            yield from _file(path, now)


@cache
def _expression(name: str) -> re.Pattern[str]:
    plain = "[A-Za-z0-9]+" if "*" in name else "[^/]+"
    seen: set[str] = set()
    out = ""
    for piece in re.split(r"(\{[^{}]*\}|\*)", name):
        if piece == "*":
            out += "[^/]*"
        elif endings := re.fullmatch(r"\{(.*\|.*)\}", piece):
            out += rf"\.(?i:{endings[1]})"
        elif piece in ("{subject}", "{split}"):
            key = piece[1:-1]
            out += f"(?P={key})" if key in seen else f"(?P<{key}>{plain})"
            seen.add(key)
        else:
            out += re.escape(piece)
    return re.compile(out)
