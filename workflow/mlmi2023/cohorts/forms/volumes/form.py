"""Pack what the ``grid`` step wrote: one subject in memory at a time, whatever the cohort's size."""

import csv
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.find.label_names import named
from mlmi2023.cohorts.formats.volumes import check_same_grid, label_type, read_labels, read_volume
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.json_files import read_rows

# what normalised intensities may stray from [0, 1] by rounding
SLACK = 1e-3


def pack(batches: list[Path], label_names: dict[int, str], out: Path, name: str) -> None:
    """Write the packed cohort ``out`` (see :mod:`.reader`), whole or not at all.

    Args:
        batches: folders of the ``grid`` step, each with ``records.json``; subjects keep their order. Images
            lie in [0, 1] on one grid; landmarks are tables with the columns name, x, y, z in voxels.
        label_names: structure names by label value; values without a name become ``label_<n>``, names
            without a voxel in any subject are left out. Label values stay as they are.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: subjects differ in shape, spacing, modalities or landmarks, one stands twice, or a file is
            missing, not in [0, 1] or unreadable; the line names the file.
    """
    records = [record for batch in batches for record in _records(Path(batch))]
    if not records:
        raise InputError(f"cohort '{name}': no subject to pack; check its split")
    _check_alike(name, records)
    modalities = list(records[0]["images"])
    image, affine = read_volume(records[0]["images"][modalities[0]])
    with atomic(out) as part:
        part.mkdir()
        hashes: dict[str, str] = {}
        places: list[np.ndarray] = []
        for modality in modalities:
            file = part / f"{modality}.npy"
            hashes[modality], places = _pack_images(records, modality, (image, affine), file)
        values: set[int] = set()
        if records[0].get("labels"):
            values, hashes["labels"] = _pack_labels(records, (image, affine), places, part / "labels.npy")
        marks: list[str] = []
        if records[0].get("landmarks"):
            marks, hashes["landmarks"] = _pack_landmarks(records, part / "landmarks.npy")
        about: dict[str, Any] = {
            "name": name,
            "subjects": [{"subject": r["subject"], "split": r["split"]} for r in records],
            "modalities": modalities,
            "shape": list(image.shape),
            "spacing": [round(float(s), 6) for s in np.linalg.norm(affine[:3, :3], axis=0)],
            "affine": affine.tolist(),
            "labels": {str(value): text for value, text in named(label_names, values).items()},
            "landmarks": marks,
        }
        seal(part, about, hashes)


def _records(batch: Path) -> list[dict[str, Any]]:
    """Read a batch's records and make their paths usable from here."""
    file = batch / "records.json"
    if not file.is_file():
        raise InputError(f"{file}: no such file; run the grid step for this batch")
    records = []
    for record in read_rows(file, {"subject": str, "images": dict[str, str]}):
        paths = {key: str(batch / record[key]) for key in ("labels", "landmarks") if record.get(key)}
        images = {modality: str(batch / path) for modality, path in record["images"].items()}
        records.append({**record, **paths, "images": images})
    return records


def _check_alike(name: str, records: list[dict[str, Any]]) -> None:
    first, seen = records[0], set()
    for record in records:
        subject = record["subject"]
        if subject in seen:
            raise InputError(f"cohort '{name}': subject {subject} stands in two batches; keep one")
        seen.add(subject)
        if set(record["images"]) != set(first["images"]):
            raise InputError(
                f"cohort '{name}': subject {subject} has {', '.join(record['images'])}, "
                f"subject {first['subject']} {', '.join(first['images'])}; limit 'modalities'"
            )
        for key in ("labels", "landmarks"):
            if bool(record.get(key)) != bool(first.get(key)):
                lacks, has = (record, first) if first.get(key) else (first, record)
                raise InputError(
                    f"cohort '{name}': subject {lacks['subject']} has no {key} but {has['subject']} has; "
                    "give them for all or for none"
                )


def _new_array(file: Path, kind: Any, shape: tuple[int, ...]) -> np.memmap:
    """Return a writable memory map of a new file, once the disk has room for all of it."""
    array = np.lib.format.open_memmap(file, "w+", kind, shape)
    size = file.stat().st_size
    with open(file, "r+b") as stream:
        os.posix_fallocate(stream.fileno(), 0, size)
    return array


def _pack_images(
    records: list[dict[str, Any]], modality: str, grid: tuple[np.ndarray, np.ndarray], file: Path
) -> tuple[str, list[np.ndarray]]:
    out = _new_array(file, np.float16, (len(records), *grid[0].shape))
    digest, places = hashlib.sha256(), []
    for row, record in enumerate(records):
        path = record["images"][modality]
        image, affine = read_volume(path)
        places.append(affine)
        _check_grid(path, image.shape, affine, grid)
        low, high = float(image.min()), float(image.max())
        if low < -SLACK or high > 1 + SLACK:
            raise InputError(
                f"{path}: intensities go from {low:g} to {high:g}, not from 0 to 1; redo the grid step"
            )
        out[row] = np.clip(image, 0, 1)
        digest.update(out[row].tobytes())
    out.flush()
    return digest.hexdigest(), places


def _pack_labels(
    records: list[dict[str, Any]],
    grid: tuple[np.ndarray, np.ndarray],
    places: list[np.ndarray],
    file: Path,
) -> tuple[set[int], str]:
    values: set[int] = set()
    # once over all first, since the type of the array depends on the largest value
    for record, place in zip(records, places):
        labels, affine = read_labels(record["labels"])
        check_same_grid((grid[0], place), (labels, affine), record["labels"])
        values.update(int(value) for value in np.unique(labels))
    out = _new_array(file, label_type(max(values)), (len(records), *grid[0].shape))
    digest = hashlib.sha256()
    for row, record in enumerate(records):
        out[row] = read_labels(record["labels"])[0]
        digest.update(out[row].tobytes())
    out.flush()
    return values - {0}, digest.hexdigest()


def _pack_landmarks(records: list[dict[str, Any]], file: Path) -> tuple[list[str], str]:
    tables = [_landmarks(record["landmarks"]) for record in records]
    names = tables[0][0]
    for record, (own, _) in zip(records, tables):
        if own != names:
            raise InputError(
                f"{record['landmarks']}: landmarks differ from those of subject {records[0]['subject']} in "
                "number, names or order; give every subject the same"
            )
    array = np.stack([points for _, points in tables])
    np.save(file, array)
    return names, hashlib.sha256(array.tobytes()).hexdigest()


def _landmarks(path: str) -> tuple[list[str], np.ndarray]:
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        points = np.array([[float(row[axis]) for axis in "xyz"] for row in rows], dtype=np.float32)
        names = [row["name"] for row in rows]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no table of landmarks ({error!r}); needs name, x, y, z in voxels"
        ) from error
    if not names or not np.isfinite(points).all():
        raise InputError(f"{path}: landmarks are missing or not finite; redo the grid step")
    return names, points


def _check_grid(
    path: str, shape: tuple[int, ...], affine: np.ndarray, grid: tuple[np.ndarray, np.ndarray]
) -> None:
    """Compare shape and voxel axes; origins may differ, since a grid may be centred on each image."""
    if shape != grid[0].shape or not np.allclose(affine[:3, :3], grid[1][:3, :3], atol=1e-4):
        own, first = (np.round(np.linalg.norm(a[:3, :3], axis=0), 4) for a in (affine, grid[1]))
        raise InputError(
            f"{path}: {shape} voxels of {own} mm, the first image has {grid[0].shape} of {first} mm; "
            "redo the grid step"
        )
