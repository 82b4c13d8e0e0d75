"""Files that are either whole or absent, and hashes of what is in them."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError

# what an operating system says when a disk is full, over quota, read-only or someone else's
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
#: what to do where that is neither
_FIXES = {
    errno.ENAMETOOLONG: "shorten the name",
    errno.ENOTDIR: "a file is in the place of a folder; move it away",
    errno.EEXIST: "a file is in the place of a folder; move it away",
    errno.ENOENT: "the folder was removed while it was written to; run again",
}


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it to ``path`` on success.

    The temporary name ends like ``path`` does, so that writers which look at the extension work,
    and may be made a file or a folder. After an exception nothing is left behind.

    Raises:
        InputError: the disk is full, or the folder cannot be written or has been removed meanwhile.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=".partial-", dir=path.parent))
    except OSError as error:
        raise InputError(f"{_short(path)}: cannot write here ({error.strerror}); {_fix(error)}") from error
    part = holder / path.name
    try:
        yield part
        if part.is_file():
            _flush(part)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(part, path)
    except InputError:
        raise
    except Exception as error:
        reason = _refusal(error, holder)
        if reason:
            raise InputError(f"{_short(path)}: not written ({reason}); {_fix(error)}") from error
        raise
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _flush(file: Path) -> None:
    """Bring a file's bytes to the disk, so that a machine that goes down does not leave its name alone."""
    with open(file, "rb") as stream:
        os.fsync(stream.fileno())


def _refusal(error: Exception, folder: Path) -> str:
    """Return why the disk refused to take a file; empty if the error is about something else.

    Writers in other languages (torch, safetensors) raise errors of their own without the system's number.
    """
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return error.strerror or os.strerror(error.errno)
    if not folder.exists():
        return os.strerror(errno.ENOENT)
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno == errno.ENAMETOOLONG else ""
    full = os.strerror(errno.ENOSPC)
    if full in str(error) or shutil.disk_usage(folder).free < 2**16:
        return full
    return ""


def _fix(error: Exception) -> str:
    """Return what to do about an error of the system."""
    return _FIXES.get(getattr(error, "errno", None) or 0, "free space or fix permissions")


def _short(path: Path) -> str:
    """Return a path as messages have it: a name that no disk takes is cut."""
    return str(path) if len(path.name) < 256 else f"{path.parent}/{path.name[:40]}..."


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON with sorted keys, atomically."""
    with atomic(path) as part:
        part.write_text(json.dumps(content, indent=2, sort_keys=True, default=str) + "\n")


def read_json(path: str | Path, fix: str = "delete it and run again") -> Any:
    """Read a JSON file of ours.

    Args:
        path: the file.
        fix: what a message tells the user to do about a broken one.

    Raises:
        InputError: it is missing, a folder, not to be read, no text, or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; run again") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {fix}") from error
    except (ValueError, RecursionError) as error:  # no text in UTF-8 is a ValueError too
        raise InputError(f"{path}: not valid JSON ({error or 'empty'}); {fix}") from error


def content_hash(content: Any) -> str:
    """Return 12 hex digits that identify JSON-like ``content``."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def file_hash(path: str | Path) -> str:
    """Return 12 hex digits that identify the bytes of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def tree_hash(folder: str | Path) -> str:
    """Return 12 hex digits that identify the names and bytes of all files below ``folder``.

    Snakemake's own marker files are left out.
    """
    folder = Path(folder)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".snakemake_timestamp")
    return content_hash([(p.relative_to(folder).as_posix(), file_hash(p)) for p in files])
