"""Arrays of packed radiographs: pixels one image after the other, boxes and findings by region."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.photographs import read_photo, resized_photo
from mlmi2023.cohorts.forms.radiographs.options import Read
from mlmi2023.cohorts.forms.radiographs.study import Study
from mlmi2023.core.errors import InputError


def region_names(where: str, read: Read, studies: Sequence[Study]) -> list[str]:
    """Return the regions in their order.

    Raises:
        InputError: one that is asked for has no box anywhere.
    """
    known = list(dict.fromkeys(region for study in studies for region in study.boxes))
    if lost := [region for region in read.regions or () if region not in known]:
        raise InputError(f"{where}: read.regions: no image has a box of '{lost[0]}'; take it out")
    return list(read.regions or known)


def finding_names(where: str, read: Read, studies: Sequence[Study]) -> list[str]:
    """Return the findings in their order; chosen by number, the most frequent of training images first.

    Raises:
        InputError: one that is asked for is nowhere, or there are none.
    """
    counts: Counter[str] = Counter()
    for study in studies:
        if study.split == "train":
            counts.update({name for names in study.found.values() for name in names})
    order = sorted(counts, key=lambda name: (-counts[name], name))
    if isinstance(read.findings, list):
        if lost := [name for name in read.findings if name not in counts]:
            raise InputError(f"{where}: read.findings: no training image has '{lost[0]}'; take it out")
        return list(read.findings)
    if not order:
        raise InputError(f"{where}: no training image has a finding; fill the column findings")
    return order[: read.findings] if read.findings else sorted(order)


def write_arrays(
    out: Path, studies: Sequence[Study], regions: Sequence[str], findings: Sequence[str], size: int | None
) -> list[tuple[int, int]]:
    """Write ``pixels.npy``, ``shapes.npy``, ``boxes.npy`` and ``findings.npy``.

    Args:
        out: folder.
        studies: in their order.
        regions: R names.
        findings: F names.
        size: of the shorter side; None: as it is.

    Returns:
        rows and columns of each image.

    Raises:
        InputError: an image cannot be read.
    """
    places = {name: number for number, name in enumerate(regions)}
    names = {name: number for number, name in enumerate(findings)}
    boxes = np.full((len(studies), len(regions), 4), np.nan, np.float32)
    found = np.zeros((len(studies), len(regions), len(findings)), np.uint8)
    shapes = np.empty((len(studies), 2), np.int64)
    header_at = out / "pixels.bin"
    with open(header_at, "wb") as stream:
        for row, study in enumerate(studies):
            photo, _ = read_photo(study.file, True)
            before = photo.shape[:2]
            shape = target_shape((before[0], before[1]), size)
            stream.write(resized_photo(photo, shape)[..., 0].tobytes())
            shapes[row] = shape
            scale = np.array([shape[1] / before[1], shape[0] / before[0]] * 2)
            for region, box in study.boxes.items():
                if region in places:
                    boxes[row, places[region]] = np.array(box) * scale
            for region, own in study.found.items():
                if region in places and region in study.boxes:
                    found[row, places[region], [names[name] for name in own if name in names]] = 1
    total = int(shapes.prod(1).sum())
    pixels = np.lib.format.open_memmap(out / "pixels.npy", "w+", np.uint8, (total,))
    pixels[:] = np.memmap(header_at, np.uint8, "r")
    pixels.flush()
    header_at.unlink()
    for name, array in (("shapes", shapes), ("boxes", boxes), ("findings", found)):
        np.save(out / f"{name}.npy", array)
    return [(int(rows), int(columns)) for rows, columns in shapes]


def target_shape(shape: tuple[int, int], size: int | None) -> tuple[int, int]:
    """Return rows and columns at which the shorter side has ``size`` pixels and the aspect is kept."""
    if size is None:
        return shape
    scale = size / min(shape)
    return max(size, round(shape[0] * scale)), max(size, round(shape[1] * scale))


def text_rows(studies: Sequence[Study], regions: Sequence[str]) -> list[dict[str, Any]]:
    """Return report, indication, triples and phrases by region of each study, for ``texts.json``."""
    kept = set(regions)
    return [
        {
            "report": study.report,
            "indication": study.indication,
            "triples": [list(triple) for triple in study.triples],
            "phrases": {region: list(own) for region, own in study.phrases.items() if own and region in kept},
        }
        for study in studies
    ]


def facts_of(
    studies: Sequence[Study],
    regions: Sequence[str],
    findings: Sequence[str],
    shapes: Sequence[tuple[int, int]],
) -> list[tuple[str, str]]:
    """Return lines of what and how much there is."""
    counts, people = Counter(s.split for s in studies), len({s.patient for s in studies})
    positive: Counter[str] = Counter()
    for study in studies:
        positive.update({name for names in study.found.values() for name in names} & set(findings))
    words = sorted(len(study.report.split()) for study in studies)
    normal = sum(not any(study.found.values()) for study in studies)
    some = ", ".join(f"{name} {100 * count / len(studies):.0f} %" for name, count in positive.most_common(8))
    missing = 1 - sum(len(set(s.boxes) & set(regions)) for s in studies) / (len(studies) * len(regions))
    return [
        ("images", f"{', '.join(f'{n} {split}' for split, n in counts.items())}, of {people} patients"),
        ("size", f"{min(shapes)[0]} x {min(shapes)[1]} to {max(shapes)[0]} x {max(shapes)[1]}, grey"),
        ("regions", f"{len(regions)}, {100 * missing:.1f} % of their boxes missing"),
        ("findings", f"{len(findings)}; {some}"),
        ("images without a finding", f"{normal} ({100 * normal / len(studies):.0f} %)"),
        ("words of a report", f"median {words[len(words) // 2]}, at most {words[-1]}"),
        ("without indication", str(sum(not study.indication for study in studies))),
    ]
