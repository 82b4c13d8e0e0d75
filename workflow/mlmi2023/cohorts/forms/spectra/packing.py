"""Scans as they are packed: transients of all, one scan after the other, on one axis."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.formats.mrs import Transients, read_transients
from mlmi2023.cohorts.forms.spectra.listing import Item
from mlmi2023.cohorts.forms.spectra.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.physics.resampled import resampled
from mlmi2023.physics.spectra import between, ppm_axis, to_spectra

Axis = tuple[int, float, float]
#: ppm of NAA, and what scanners are off by
NAA = (1.8, 2.2)


class Scan(NamedTuple):
    """A scan on the packed axis.

    Attributes:
        on: (N, P) complex64, edited transients; none where the cohort is not edited.
        off: (N, P) complex64.
        truth: (2, P) complex64, OFF and ON without noise, or None.
    """

    on: np.ndarray
    off: np.ndarray
    truth: np.ndarray | None


def separated(file: Path, given: Transients, read: Read) -> tuple[np.ndarray, np.ndarray]:
    """Return ON and OFF transients of a file, (N, P) each, in pairs.

    Raises:
        InputError: there are not as many of both.
    """
    fids = given.fids
    if not read.edited:
        whole = fids.reshape(-1, fids.shape[-1])
        return whole[:0], whole
    if len(fids) == 1:
        if fids.shape[1] % 2 or not fids.shape[1]:
            raise InputError(
                f"{file}: has {fids.shape[1]} transients, which are no pairs of ON and OFF; set "
                "'read.edited' to false if nothing was edited"
            )
        half = fids.shape[1] // 2
        parts = (
            (fids[0, ::2], fids[0, 1::2]) if read.order == "alternating" else (fids[0, :half], fids[0, half:])
        )
    elif len(fids) == 2:
        parts = (fids[0], fids[1])
    else:
        raise InputError(f"{file}: has {len(fids)} conditions of editing; give files with ON and OFF")
    first = read.first if read.first != "auto" else _first(parts, given)
    on, off = parts if first == "on" else parts[::-1]
    return on, off


def _first(parts: tuple[np.ndarray, np.ndarray], given: Transients) -> str:
    """Return whether ON or OFF comes first, by NAA."""
    ppm = ppm_axis(given.fids.shape[-1], given.width, given.frequency)
    one, other = (np.abs(to_spectra(part.mean(0)))[between(ppm, *NAA)].max() for part in parts)
    return "off" if one > other else "on"


def prepared(item: Item, read: Read, axis: Axis) -> Scan:
    """Return a scan on an axis.

    Raises:
        InputError: a file cannot be used.
    """
    given = read_transients(item.file)
    on, off = (_on_axis(part, given, axis) for part in separated(item.file, given, read))
    truth = None
    if item.truth:
        clean = read_transients(item.truth)
        if clean.fids.shape[:2] != (2, 1):
            raise InputError(
                f"{item.truth}: holds {clean.fids.shape[:2]} FIDs; give one of OFF and one of ON"
            )
        truth = _on_axis(clean.fids[:, 0], clean, axis)
    return Scan(on, off, truth)


def _on_axis(fids: np.ndarray, given: Transients, axis: Axis) -> np.ndarray:
    return resampled(fids, given.width, given.frequency, axis).astype(np.complex64)


def axis_of(where: str, read: Read, used: Sequence[Item]) -> Axis:
    """Return points, width and frequency that all scans are brought to.

    Raises:
        InputError: files differ, and nothing says which axis is meant.
    """
    if read.axis is not None:
        return read.axis.points, read.axis.width, read.axis.frequency
    axes = {}
    for item in used:
        given = read_transients(item.file)
        axes[given.fids.shape[-1], round(given.width, 3), round(given.frequency, 1)] = given.frequency
    if len(axes) > 1:
        said = "; ".join(f"{p} points, {w:g} Hz, {f:g} MHz" for p, w, f in sorted(axes))
        raise InputError(f"{where}: scans differ ({said}); set 'read.axis' to what all are brought to")
    (points, width, _), frequency = next(iter(axes.items()))
    return points, width, frequency


def write_packed(where: str, read: Read, used: Sequence[Item], out: Path, name: str) -> None:
    """Pack scans into the folder ``out``, whole or not at all.

    Raises:
        InputError: a file cannot be used.
    """
    axis = axis_of(where, read, used)
    rows: list[dict[str, Any]] = []
    first = 0
    truths: list[np.ndarray] = []
    with atomic(out) as part:
        part.mkdir()
        made = []
        for item in used:
            scan = prepared(item, read, axis)
            made.append(scan)
            rows.append(
                {
                    "subject": item.name, "split": item.split, "group": item.name, "site": item.site,
                    "first": first, "transients": len(scan.off),
                }
            )  # fmt: skip
            first += len(scan.off)
            truths += [scan.truth] if scan.truth is not None else []
        np.save(part / "off.npy", np.concatenate([scan.off for scan in made]))
        np.save(part / "on.npy", np.concatenate([scan.on for scan in made]))
        if truths:
            np.save(part / "truth.npy", np.stack(truths))
        about: dict[str, Any] = {
            "name": name, "form": "spectra", "subjects": rows, "edited": read.edited, "known": bool(truths),
            "points": axis[0], "width": axis[1], "frequency": axis[2], "facts": _facts(rows, read, axis),
        }  # fmt: skip
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def _facts(rows: Sequence[dict[str, Any]], read: Read, axis: Axis) -> list[tuple[str, str]]:
    counts = sorted({row["transients"] for row in rows})
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    found = [(split, f"{count} scans") for split, count in Counter(row["split"] for row in rows).items()]
    sites = {row["site"] for row in rows}
    return [
        *found,
        *([("sites", str(len(sites)))] if sites != {""} else []),
        ("transients of a scan", f"{span} pairs of ON and OFF" if read.edited else f"{span}, not edited"),
        ("axis", f"{axis[0]} points, {axis[1]:g} Hz, {axis[2]:.3f} MHz ({axis[1] / axis[2]:.1f} ppm)"),
    ]
