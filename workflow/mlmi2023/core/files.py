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


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it to ``path`` on success.

    The temporary name ends like ``path`` does, so that writers which look at the extension work,
    and may be made a file or a folder. After an exception nothing is left behind.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=".partial-", dir=path.parent))
    except OSError as error:
        raise InputError(
            f"{path}: cannot write here ({error.strerror}); free space or fix permissions"
        ) from error
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
            raise InputError(f"{path}: not written ({reason}); free space or fix permissions") from error
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
    if isinstance(error, OSError):
        return ""
    full = os.strerror(errno.ENOSPC)
    if full in str(error) or (folder.exists() and shutil.disk_usage(folder).free < 2**16):
        return full
    return ""


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON with sorted keys, atomically."""
    with atomic(path) as part:
        part.write_text(json.dumps(content, indent=2, sort_keys=True, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a broken one is an :class:`InputError` that names it."""
    try:
        return json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid JSON ({error}); delete it and run again") from error


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
