"""Scans as they are packed: on the grid of a patient's first image, resized to one shape, and scaled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.find.folds import stratified_folds
from mlmi2023.cohorts.formats.mr_series import read_mr_series
from mlmi2023.cohorts.formats.volumes import Volume, read_volume
from mlmi2023.cohorts.forms.classed_scans.listing import Item, is_series
from mlmi2023.cohorts.forms.classed_scans.options import Read
from mlmi2023.cohorts.forms.scans.scaling import scaled_within
from mlmi2023.cohorts.forms.scans.spacing import respaced
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.preprocessing.resample import resample


def read_image(files: list[str]) -> Volume:
    """Return intensities (X, Y, Z) float32 and affine of a volume, or of the slices in a folder."""
    return read_mr_series(Path(files[0]).parent) if is_series(files) else read_volume(files[0])


def on_grid(image: Volume, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Return an image on a grid; one that lies there already is not interpolated."""
    values, place = image
    if values.shape == shape and np.allclose(place, affine, atol=1e-2):
        return values
    return resample(values, place, shape, affine)


def prepared(item: Item, read: Read) -> dict[str, np.ndarray]:
    """Return a patient's images, (X, Y, Z) float16 each.

    Raises:
        InputError: a file cannot be used, or images do not overlap.
    """
    first: Volume | None = None
    found = {}
    for name, files in item.files.items():
        image = read_image(files)
        first = first or image
        values = on_grid(image, first[0].shape, first[1])
        if not values.any():
            raise InputError(f"{files[0]}: does not overlap with the patient's first image; check its header")
        old, new = np.ones(3), np.array(values.shape) / np.array(read.shape)
        inside = respaced(values != 0, old, new, nearest=True)
        found[name] = scaled_within(respaced(values, old, new), inside, read.scale, files[0])
    return found


def write_packed(
    where: str, read: Read, items: Sequence[Item], folds: Mapping[str, Any] | None, out: Path, name: str
) -> None:
    """Pack patients into the folder ``out``, whole or not at all.

    Raises:
        InputError: a file cannot be used, or a class has fewer patients than there are folds.
    """
    dealt: list[int] = []
    if folds:
        subjects, labels = [item.name for item in items], [item.label for item in items]
        dealt = stratified_folds(
            where, labels, subjects, folds["count"], int(folds.get("seed", 0)), [*read.classes.values()]
        ).tolist()
    rows: list[dict[str, Any]] = []
    with atomic(out) as part:
        part.mkdir()
        shape = (len(items), *read.shape)
        arrays = {
            image: np.lib.format.open_memmap(part / f"{image}.npy", "w+", np.float16, shape)
            for image in read.images
        }
        for number, item in enumerate(items):
            for image, values in prepared(item, read).items():
                arrays[image][number] = values
            row = {"subject": item.name, "split": "all", "label": item.label}
            row |= {"known": item.known} if np.isfinite(item.known) else {}
            rows.append(row | ({"fold": dealt[number]} if dealt else {}))
        for array in arrays.values():
            array.flush()
        about: dict[str, Any] = {
            "name": name, "form": "classed_scans", "subjects": rows, "modalities": list(read.images),
            "classes": [*read.classes.values()], "shape": list(read.shape), "facts": _facts(rows, read),
        }  # fmt: skip
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def _facts(rows: Sequence[Mapping[str, Any]], read: Read) -> list[tuple[str, str]]:
    counts = [sum(row["label"] == place for row in rows) for place in range(len(read.classes))]
    found = [
        ("patients", str(len(rows))),
        ("classes", ", ".join(f"{count} {name}" for count, name in zip(counts, read.classes.values()))),
        ("images", ", ".join(read.images)),
        ("voxels", " x ".join(map(str, read.shape))),
        ("intensities", read.scale),
    ]
    if all("known" in row for row in rows):
        right = np.mean([(row["known"] > 0.5) == bool(row["label"]) for row in rows])
        found.append(("right by who knows what made the images", f"{right:.3f}"))
    if "fold" in rows[0]:
        found.append(("folds", str(1 + max(row["fold"] for row in rows))))
    return found
