"""Run one preprocessing step on a batch of subjects."""

import importlib
import os
from pathlib import Path
from typing import Any

from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.json_files import read_rows

PATHS = ("labels", "mask", "affine_xfm", "truth", "landmarks", "bias")


def run_step(
    step: str,
    records: list[dict[str, Any]] | None,
    before: Path,
    out: Path,
    options: dict[str, Any],
    threads: int,
) -> None:
    """Run ``step`` and write its batch folder ``out``, whole or not at all.

    Args:
        step: ``n4``, ``brainmask``, ``affine`` or ``grid``.
        records: the batch's records if this is the cohort's first step, else None.
        before: batch folder of the step before, read when ``records`` is None.
        out: folder to write: ``records.json`` and a folder per subject.
        options: the step's options.
        threads: CPU threads.
    """
    module = importlib.import_module(f"mlmi2023.preprocessing.{step}")
    start = records if records is not None else load_records(before)
    with atomic(out) as part:
        part.mkdir()
        done = module.run(start, part, options, threads)
        write_json(part / "records.json", [_relative(record, part, out) for record in done])


def load_records(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a batch folder with all paths usable from here."""
    return [
        _map_paths(record, lambda path: os.path.normpath(folder / path))
        for record in read_rows(folder / "records.json", {"images": dict[str, str]})
    ]


def _relative(record: dict[str, Any], part: Path, out: Path) -> dict[str, Any]:
    """Write paths relative to the batch folder, so that a results folder can be moved as a whole."""

    def shorten(path: str) -> str:
        if Path(path).is_absolute() and not Path(path).is_relative_to(part.resolve()):
            return path
        full = Path(path)
        if full.is_relative_to(part):
            return full.relative_to(part).as_posix()
        if full.is_relative_to(part.resolve()):
            return full.relative_to(part.resolve()).as_posix()
        return os.path.relpath(full, out)

    return _map_paths(record, shorten)


def _map_paths(record: dict[str, Any], change: Any) -> dict[str, Any]:
    changed = dict(record)
    changed["images"] = {name: change(str(path)) for name, path in record["images"].items()}
    for key in PATHS:
        if record.get(key):
            changed[key] = change(str(record[key]))
    return changed
