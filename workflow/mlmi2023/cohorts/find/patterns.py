"""Find files by name patterns such as ``{split}/sub-{subject}/*_T1w.nii.gz``.

``{subject}``, ``{split}`` and other fields stand for a part of one file or folder name, ``*`` for anything
inside one name. Beside a ``*`` in the same name, a field takes letters and digits only, so that it has one
reading; where its value is known beforehand, that value may hold anything.
Standard library only: this runs whenever the DAG is built.
"""

import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from mlmi2023.core.errors import InputError

#: fields that every kind of cohort knows
KNOWN = ("subject", "split")


class Match(NamedTuple):
    """One file that fits a pattern: what the placeholders stood for, its path, and whether it is lost.

    Lost is what a link leads to and is not there.
    """

    subject: str
    split: str
    path: str
    fields: Mapping[str, str] = {}
    lost: bool = False


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``s2`` before ``s10``."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def clean(subject: str) -> str:
    """Return an id with letters and digits only, as BIDS wants it (``IXI002-Guys`` -> ``IXI002Guys``)."""
    return re.sub(r"[^A-Za-z0-9]", "", subject.removeprefix("sub-"))


def fill(pattern: str, subject: str, split: str = "") -> str:
    """Return ``pattern`` with its placeholders filled in."""
    return pattern.replace("{subject}", subject).replace("{split}", split)


def fields_of(pattern: str) -> tuple[str, ...]:
    """Return the names of all fields of a pattern, each once, in order."""
    return tuple(dict.fromkeys(re.findall(r"\{([a-z_]+)\}", pattern)))


def find(
    root: Path | str,
    pattern: str,
    fields: Iterable[str] = KNOWN,
    bound: Mapping[str, str] | None = None,
    listed: dict[str, list[str]] | None = None,
    plain: str = "[A-Za-z0-9]+",
) -> Iterator[Match]:
    """Yield the files below ``root`` that fit ``pattern``, in the order of their names.

    Names that start with a dot are left out unless the pattern's name does (copies made on macOS are full of
    ``._*`` twins). A link to a file that is not there counts: whose file it is must not vanish unnoticed.

    Args:
        root: the folder that the pattern starts from.
        pattern: names of folders and files, divided by ``/``.
        fields: what stands for a part of a name where it is in braces; other braces are themselves.
        bound: values of fields that are known already.
        listed: names by folder, filled on the way; spares many searches of the same folders.
        plain: what a field takes beside a ``*``.

    Raises:
        InputError: a link to a folder leads nowhere, or a folder is there and must not be read.
    """
    try:
        os.stat(root)
    except OSError as error:  # where nothing is there, nothing fits
        if isinstance(error, PermissionError):
            raise InputError(
                f"{root}: cannot be reached ({error.strerror}); fix the permissions above it"
            ) from error
    parts = tuple(part for part in pattern.split("/") if part not in ("", "."))
    how = _How(tuple(fields), {} if listed is None else listed, plain)
    yield from _walk(str(root), parts, dict(bound or {}), how)


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


class _How(NamedTuple):
    """What a search keeps to on its way: see :func:`find`."""

    fields: tuple[str, ...]
    listed: dict[str, list[str]]
    plain: str


def _walk(folder: str, parts: tuple[str, ...], bound: dict[str, str], how: _How) -> Iterator[Match]:
    rest = parts[1:]
    for name, now in _names(folder, parts[0], bound, how):
        path = os.path.join(folder, name)
        if rest:
            if os.path.isdir(path):
                yield from _walk(path, rest, now, how)
            elif is_broken_link(path):
                raise broken_link(path)
        elif (there := os.path.isfile(path)) or is_broken_link(path):
            yield Match(now.get("subject", ""), now.get("split", ""), path, now, not there)
        elif os.path.isdir(folder) and not os.access(folder, os.X_OK):
            raise InputError(f"{folder}: cannot be entered (Permission denied); fix its permissions")


def _names(folder: str, part: str, bound: dict[str, str], how: _How) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the names in ``folder`` that fit one part of a pattern, with all fields that are known then."""
    fields, listed, plain = how
    pieces = _pieces(part, fields)
    known = tuple((key, bound[key]) for key in dict.fromkeys(fields) if key in bound)
    if "*" not in pieces and all(piece[1:-1] in bound for piece in pieces[1::2]):
        yield "".join(bound[p[1:-1]] if n % 2 else p for n, p in enumerate(pieces)), bound
        return
    start, expression = _expression(pieces, known, plain if "*" in pieces else "[^/]+")
    if folder not in listed:
        try:
            listed[folder] = sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            listed[folder] = []
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be read ({error.strerror}); fix its permissions or set another 'root'"
            ) from error
    names = listed[folder]
    first = bisect_left(names, start)
    alike = takewhile(lambda name: name.startswith(start), islice(names, first, None))
    found = [(name, expression.fullmatch(name)) for name in alike]
    for name, match in sorted((pair for pair in found if pair[1]), key=lambda pair: natural(pair[0])):
        if match and (not name.startswith(".") or part.startswith(".")):
            yield name, {**bound, **match.groupdict()}


@lru_cache(maxsize=256)
def _pieces(part: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return plain texts (even places) and ``*``, fields or choices of endings in braces (odd places)."""
    marks = [*(rf"\{{{field}\}}" for field in fields), r"\{[^{}]*\|[^{}]*\}", r"\*"]
    return tuple(re.split("(" + "|".join(marks) + ")", part))


@lru_cache(maxsize=256)
def _expression(
    pieces: tuple[str, ...], known: tuple[tuple[str, str], ...], plain: str
) -> tuple[str, re.Pattern[str]]:
    """Return how names begin that can fit, and what they match."""
    values = dict(known)
    seen: set[str] = set()
    start: list[str] = []
    out = ""
    for place, piece in enumerate(pieces):
        key = piece[1:-1]
        if place % 2 == 0 or key in values:
            text = values[key] if place % 2 else piece
            if len(start) == place:
                start.append(text)
            out += re.escape(text)
        elif piece == "*":
            left = pieces[place - 2][1:-1] if place > 1 and not pieces[place - 1] else ""
            right = pieces[place + 2][1:-1] if place + 2 < len(pieces) and not pieces[place + 1] else ""
            out += _star(left in values, values.get(right, ""), bool(right) and right not in values)
        elif "|" in key:
            out += rf"\.(?i:{key})"
        else:
            out += f"(?P={key})" if key in seen else f"(?P<{key}>{plain})"
            seen.add(key)
    return "".join(start), re.compile(out)


def _star(after_known: bool, before_known: str, before_field: bool) -> str:
    """Return what a ``*`` matches.

    Ids take all letters and digits that they can: a file of ``s10`` is none of ``s1``, nor ``12`` one of
    ``2``.
    """
    out = "[^/]*?" if before_field else "[^/]*"
    if not after_known and not before_known:
        return out
    if before_known[:1].isalnum():
        out += "(?<![0-9])" if before_known[0].isdigit() else "(?<![A-Za-z])"
    return f"(?:{'(?![A-Za-z0-9])' if after_known else ''}{out}|)"
