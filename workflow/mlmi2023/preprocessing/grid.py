"""Step ``grid``: everything onto one grid, with one interpolation from the native images, and into [0, 1]."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.volumes import check_same_grid, read_labels, read_volume, write_volume
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.preprocessing import xfm
from mlmi2023.preprocessing.batch import Record, anat_file, for_each, main_modality, step_options
from mlmi2023.preprocessing.resample import background, grid_affine, middle, resample
from mlmi2023.preprocessing.templates import brain_centre

#: Shares of the brain, or of an image without brain mask, that must lie inside the grid.
BRAIN_INSIDE, IMAGE_INSIDE = 0.5, 0.15


def run(records: list[Record], out: Path, options: dict[str, Any], threads: int) -> list[Record]:
    """Resample images, labels, mask and landmarks of every subject.

    A voxel of the grid is a point of template space; the inverse of ``affine_xfm`` (without one: no change of
    coordinates) takes it to native space, where the image is sampled. Beyond the image is its own background
    (:func:`~mlmi2023.preprocessing.resample.background`), so a thin slab in a larger grid is padded.
    ``centre: volume`` moves the grid along with each image.

    Args:
        records: the batch; see :mod:`mlmi2023.preprocessing.steps`.
        out: batch folder.
        options: see :class:`~mlmi2023.preprocessing.options.Grid`; ``shape`` and ``spacing`` are required.
        threads: subjects worked on at once.

    Returns:
        records with ``images`` (float32 in [0, 1]), ``labels``, ``mask``, and ``landmarks``: a table name, x,
        y, z in voxels of the grid, or None if there is no truth. ``bias`` and ``affine_xfm`` are passed on.

    Raises:
        InputError: a file or option cannot be used, or nothing of an image lies inside the grid.
    """
    settings = step_options("grid", options)
    settings["shape"], settings["spacing"] = _size(settings)
    return for_each(_resample, records, out, settings, threads)


def _size(settings: dict[str, Any]) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    shape, spacing = settings["shape"], settings["spacing"]
    right, front, up = (float(s) for s in (spacing if isinstance(spacing, tuple) else [spacing] * 3))
    return shape, (right, front, up)


def _resample(record: Record, out: Path, options: dict[str, Any]) -> Record:
    subject, shape = record["subject"], options["shape"]
    move = xfm.read_xfm(record["affine_xfm"]) if record.get("affine_xfm") else np.eye(4)
    file = record["images"][main_modality(record)]
    main = read_volume(file)
    if options["centre"] == "template":
        centre = brain_centre(options["target"])
    else:
        centre = xfm.apply(move, middle(main[0].shape, main[1])[None])[0]
    target = grid_affine(shape, options["spacing"], centre)
    done = {**record, "images": {}, "landmarks": None}

    pull = np.linalg.inv(move) @ target  # the grid's voxels to native mm
    mask = None
    if record.get("mask"):
        native, affine = read_labels(record["mask"])
        check_same_grid(main, (native, affine), record["mask"])
        mask = resample((native > 0).astype(np.float32), affine, shape, target, move) >= 0.5
        check_inside(native > 0, affine, mask, pull, BRAIN_INSIDE, f"{file}: of the brain")
        name = "space-grid_desc-brain_mask.nii.gz"
        done["mask"] = _write(mask.astype(np.uint8), target, out, subject, name)
    for modality, path in record["images"].items():
        native, affine = main if path == file else read_volume(path)
        outside = background(native) if options["outside"] is None else options["outside"]
        image = resample(native, affine, shape, target, move, options["order"], outside)
        seen = mask if mask is not None else image != np.float32(outside)
        if mask is None:
            check_inside(native != outside, affine, seen, pull, IMAGE_INSIDE, f"{path}: of the image")
        image = normalise(image, seen, options["low"], options["high"], path)
        if mask is not None and options["mask"]:
            image = np.where(mask, image, np.float32(0))
        done["images"][modality] = _write(image, target, out, subject, f"space-grid_{modality}.nii.gz")
    if record.get("labels"):
        native, affine = read_labels(record["labels"])
        check_same_grid(main, (native, affine), record["labels"])
        labels = resample(native, affine, shape, target, move, order=0)
        done["labels"] = _write(labels, target, out, subject, "space-grid_dseg.nii.gz")
    truth = Path(record["truth"] or "") / f"sub-{subject}_landmarks.tsv" if record.get("truth") else None
    if truth is not None and truth.is_file():
        names, native_points, _ = read_landmarks(truth)
        voxels = xfm.apply(np.linalg.inv(target) @ move, native_points)
        place = anat_file(out, subject, "landmarks.tsv")
        _write_table(place, names, voxels)
        done["landmarks"] = str(place)
    return done


def check_inside(
    native: np.ndarray, affine: np.ndarray, inside: np.ndarray, target: np.ndarray, least: float, what: str
) -> None:
    """Refuse a grid that cuts most of the subject off, such as one with axes in another order.

    Args:
        native: bool (X, Y, Z), what there is.
        affine: voxel to native mm, 4x4.
        inside: bool (X', Y', Z'), what the grid holds of it.
        target: voxel of the grid to native mm, 4x4.
        least: smallest share of the volume that will do.
        what: file and part, for the message.

    Raises:
        InputError: less than that lies inside.
    """
    volumes = [
        np.count_nonzero(a) * abs(np.linalg.det(m[:3, :3])) for a, m in ((native, affine), (inside, target))
    ]
    if volumes[1] < least * volumes[0]:
        raise InputError(
            f"{what}, only {volumes[1] / volumes[0]:.0%} lies inside the grid; check preprocess.grid: shape "
            "and spacing count along right, front and up, whatever the order in the file"
        )


def normalise(image: np.ndarray, mask: np.ndarray, low: float, high: float, where: str | Path) -> np.ndarray:
    """Map the ``low`` and ``high`` percentile inside ``mask`` to 0 and 1, and clip.

    Args:
        image: float32 (X, Y, Z).
        mask: bool (X, Y, Z), the brain, or what is no background.
        low: percentile.
        high: percentile.
        where: the native file, for the message.

    Raises:
        InputError: nothing is left inside the grid, or all of it has one value.
    """
    inside = image[mask]
    if inside.size == 0:
        raise InputError(f"{where}: no part of the image lies inside the grid; check preprocess.grid")
    bottom, top = np.percentile(inside, [low, high])
    if top <= bottom:
        raise InputError(
            f"{where}: the image is flat inside the grid ({bottom:g}); check preprocess.grid and the image"
        )
    scaled = np.clip((image - bottom) / (top - bottom), 0, 1)
    return scaled.astype(np.float32)


def read_landmarks(path: str | Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return names (N), native points (N, 3) and template points (N, 3), RAS mm, of a truth's landmark table.

    Raises:
        InputError: a column is missing or no number.
    """
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    try:
        values = np.array([[float(r[c]) for c in ("x", "y", "z", "tx", "ty", "tz")] for r in rows])
        return [row["name"] for row in rows], values[:, :3], values[:, 3:]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: needs the columns name, x, y, z, tx, ty, tz with numbers") from error


def _write(array: np.ndarray, affine: np.ndarray, out: Path, subject: str, suffix: str) -> str:
    path = anat_file(out, subject, suffix)
    write_volume(path, array, affine)
    return str(path)


def _write_table(path: Path, names: list[str], points: np.ndarray) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["name", "x", "y", "z"])
    writer.writerows([name, *(f"{v:.4f}" for v in point)] for name, point in zip(names, points))
    with atomic(path) as part:
        part.write_text(text.getvalue())
