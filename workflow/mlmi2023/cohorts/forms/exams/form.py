"""Cohorts of the form ``exams``: a stack of slices and a row of a health record per exam.

The raw root is in the layout in which RadFusion is published, whether real or made by a simulator (see
:mod:`mlmi2023.cohorts.forms.exams.radfusion`). The key ``read`` may set ``hu_offset`` (added to the stored
values to get Hounsfield units), ``size`` ([rows, columns] that slices are resized to) and ``parts`` (only
these of the folders of scans).
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmi2023.cohorts.forms.exams.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.options import options

if TYPE_CHECKING:
    from mlmi2023.cohorts.forms.exams.radfusion import RawExams


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the tables that :func:`pack` reads; scans are looked up when packing, there are thousands."""
    from mlmi2023.cohorts.forms.exams.radfusion import TABLES, base_folder

    base = base_folder(root)
    return [base / "Labels.csv", *(base / f"{name}.csv" for name in TABLES)]


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed exams (:mod:`mlmi2023.cohorts.forms.exams.reader`), whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a table or scan cannot be used; the line names file, column or key, and the fix.
    """
    from mlmi2023.cohorts.forms.exams.radfusion import read_exams

    where = f"config of cohort '{name}'"
    read = dict(config.get("read") or {})
    options(Read, read, where, "read")
    raw = read_exams(where, root, read.get("parts"))
    with atomic(out) as part:
        part.mkdir()
        offsets, shape = _stack(where, raw, read, part)
        raw.record.to_csv(part / "record.csv", index=False, lineterminator="\n")
        about: dict[str, Any] = {
            "name": name,
            "form": "exams",
            "subjects": [
                {"subject": s, "split": split, "case": case, "label": label, "type": kind, "ehr": ehr}
                for s, split, case, label, kind, ehr in zip(
                    raw.subjects, raw.splits, raw.cases, raw.labels, raw.types, raw.has_record
                )
            ],
            "offsets": offsets,
            "slice": shape,
            "defects": (part / "defects.npy").exists(),
            "facts": _facts(raw, offsets, shape),
        }
        hashes = {file.name: file_hash(file) for file in sorted(part.iterdir())}
        seal(part, about, hashes)


def _stack(where: str, raw: "RawExams", read: dict[str, Any], part: Path) -> tuple[list[int], list[int]]:
    """Write all slices one after the other; return where each exam begins, and a slice's shape."""
    import numpy as np

    from mlmi2023.cohorts.formats.hounsfield import check_hounsfield
    from mlmi2023.cohorts.formats.slices import resized
    from mlmi2023.cohorts.forms.exams.radfusion import defects_of, open_scan

    lengths, shapes = [], set()
    for scan in raw.scans:
        shape = open_scan(scan).shape if scan else (0,)
        lengths.append(int(shape[0]))
        shapes.update([shape[1:]] if scan else [])
    if not shapes:
        raise InputError(f"{where}: none of the exams in Labels.csv has a scan; check root and read.parts")
    if len(shapes) > 1 and not read.get("size"):
        raise InputError(
            f"slices have different sizes ({', '.join(map(str, sorted(shapes)[:3]))}); set the cohort's key "
            "'read.size' to [rows, columns]"
        )
    size = tuple(read.get("size") or next(iter(shapes)))
    offsets = [0, *np.cumsum(lengths).tolist()]
    whole = (offsets[-1], *size)
    slices = np.lib.format.open_memmap(part / "slices.npy", "w+", np.int16, whole)
    masks = [defects_of(scan) for scan in raw.scans]
    truth = None
    if any(masks):
        truth = np.lib.format.open_memmap(part / "defects.npy", "w+", np.uint8, whole)
    offset = float(read.get("hu_offset", 0))
    for scan, mask, first, last in zip(raw.scans, masks, offsets, offsets[1:]):
        if scan is None:
            continue
        volume = np.asarray(open_scan(scan), np.float32) + offset
        check_hounsfield(volume, scan, "check read.hu_offset and the scan")
        slices[first:last] = np.clip(np.round(resized(volume, size)), -32768, 32767).astype(np.int16)
        if truth is not None and mask is not None:
            with np.load(mask) as content:
                truth[first:last] = resized(content["defects"], size, nearest=True)
    slices.flush()
    if truth is not None:
        truth.flush()
    return offsets, list(size)


def _facts(raw: "RawExams", offsets: list[int], shape: list[int]) -> list[tuple[str, str]]:
    kinds = Counter(kind or "negative" for kind in raw.types)
    depths = sorted({b - a for a, b in itertools.pairwise(offsets) if b > a})
    deep = f"{depths[0]}" if len(depths) == 1 else f"{depths[0]} to {depths[-1]}"
    without = sum(scan is None for scan in raw.scans)
    return [
        ("exams", f"{len(raw.cases)} of {len(set(raw.subjects))} patients"),
        ("types", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))),
        ("scans", f"{deep} slices of {shape[0]} x {shape[1]}; {without} exams without one"),
        ("record", f"{raw.record.shape[1] - 1} columns; {raw.has_record.count(False)} exams without one"),
        ("missing", f"{100 * float(raw.record.isna().to_numpy().mean()):.1f} % of the record's values"),
    ]


def looks(packed: Path) -> Iterator[Any]:
    """Yield every exam that has a scan for the search of near-twins."""
    from mlmi2023.cohorts.forms.exams.reader import open_exams
    from mlmi2023.preprocessing.twins import Look

    exams = open_exams(packed)
    for row, (case, split) in enumerate(zip(exams.cases, exams.splits)):
        if exams.has_scan(row):
            yield Look(case, split, exams.scan(row))


def draw_samples(packed: Path, png: Path) -> None:
    """Draw a slice of some exams of each type, filling defects outlined."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from mlmi2023.cohorts.forms.exams.reader import open_exams

    exams = open_exams(packed)
    kinds = list(dict.fromkeys(sorted(exams.types)))
    columns = 6
    figure, grid = plt.subplots(
        len(kinds),
        columns,
        figsize=(12, 2.1 * len(kinds)),
        squeeze=False,
        layout="constrained",
        facecolor="black",
    )
    for row, kind in zip(grid, kinds):
        shown = [i for i in range(len(exams)) if exams.types[i] == kind and exams.has_scan(i)][:columns]
        for axes in row:
            axes.axis("off")
        for axes, i in zip(row, shown):
            scan, truth = exams.scan(i), exams.defects(i)
            middle = (
                len(scan) // 2 if truth is None or not truth.any() else int((truth > 0).sum((1, 2)).argmax())
            )
            axes.imshow(scan[middle], cmap="gray", vmin=-200, vmax=500)
            if truth is not None and (truth[middle] > 0).any():
                axes.contour(truth[middle] > 0, [0.5], colors="#E69F00", linewidths=0.8)
            axes.set_title(f"{exams.cases[i]} · {exams.splits[i]}", fontsize=8, color="white")
        row[0].text(
            0.02, 0.98, kind or "negative", transform=row[0].transAxes, va="top", color="white", fontsize=9
        )
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
