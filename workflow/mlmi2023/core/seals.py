"""Content that says of itself what it was: files by their hashes, sealed by a hash of all of it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlmi2023.core.files import content_hash, file_hash

SEAL = "seal"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``content`` of plain JSON with its seal."""
    return {**content, SEAL: _seal_of(content)}


def unbroken(content: Mapping[str, Any]) -> bool:
    """Whether nothing of ``content`` has changed since it was sealed."""
    return content.get(SEAL) == _seal_of(content)


def file_hashes(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return the hash of each file, by its path below ``folder``."""
    return {file.relative_to(folder).as_posix(): file_hash(file) for file in sorted(files)}


def _seal_of(content: Mapping[str, Any]) -> str:
    return content_hash({key: value for key, value in content.items() if key != SEAL})
