"""Cohorts of the form ``registered_scans``: several images of each patient, registered to one of them.

Images lie on grids of their own, as they are acquired; they are registered to the reference and brought to
one grid by one interpolation, and packed, and read, as ``scans`` with several images
(:mod:`mlmi2023.cohorts.forms.scans.reader`). Keys of ``read``:

``images``         patterns with {subject} by the image's name: volumes, or slices of DICOM (``*.dcm``), of
                   which a folder holds a series
``labels``         pattern of the label maps, in the space of the reference
``reference``      the image that the others are registered to
``choose``         by image, which one counts where there are several: ``first`` or ``last`` by name, numbers
                   in their order, or the one on whose voxels the ``labels`` lie
``missing``        a patient with labels who lacks an image: ``refuse`` (default) or ``leave_out``
``split``          as in the form ``scans``; a made cohort has ``patients.csv``
``register``       ``transform``: rigid (default), affine or none, and what :class:`.options.Register` says
``interpolation``  of images: linear (default) or nearest; labels are always nearest
``spacing``        mm along right, front, up
``shape``          voxels along right, front, up, around the middle of the reference
``scale``          ``zscore`` (default) or ``percentiles``, over the field of view; may be by image
``window``         instead, by image: [low, high], which become 0 and 1
``labels_kept``    as in the form ``scans``

The cohort's key ``folds`` deals patients into folds.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.registered_scans.options import Read
from mlmi2023.cohorts.forms.scans.form import draw_samples, looks
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options

__all__ = ["draw_samples", "looks", "pack", "raw_files", "read_key"]
WHERE = "config of the cohort"


def read_key(config: dict[str, Any], where: str = WHERE) -> Read:
    """Return the cohort's key ``read``, laid on that of its dataset's layout.

    Raises:
        InputError: an unknown key, one that is needed is missing, or a value that cannot be used.
    """
    read = {**((config.get("layout") or {}).get("read") or {}), **(config.get("read") or {})}
    return options(Read, read, where, "read")


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads.

    Raises:
        InputError: see :func:`.listing.list_patients`.
    """
    from mlmi2023.cohorts.forms.registered_scans.listing import files_of, list_patients

    rows = list_patients(WHERE, config, read_key(config), Path(root))
    return [file for row in rows for file in files_of(row)]


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Register, resample and pack the images, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: an image cannot be used; the line names file or key, and the fix.
    """
    import numpy as np

    from mlmi2023.cohorts.find.folds import stratified_folds
    from mlmi2023.cohorts.find.label_names import named
    from mlmi2023.cohorts.forms.registered_scans.listing import list_patients
    from mlmi2023.cohorts.forms.scans.labels import check_values
    from mlmi2023.cohorts.seal import seal
    from mlmi2023.core.files import atomic, file_hash

    where = f"config of cohort '{name}'"
    read = read_key(config, where)
    rows = list_patients(where, config, read, Path(root))
    folds: list[int] = []
    if dealt := config.get("folds"):
        ids, seed = [row.subject for row in rows], int(dealt.get("seed", 0))
        folds = stratified_folds(where, [0] * len(rows), ids, dealt["count"], seed).tolist()
    about, shifts = [], []
    images: dict[str, list[Any]] = {image: [] for image in read.images}
    maps: list[Any] = []
    for number, row in enumerate(rows):
        own, labels, moved = _prepared(row, read)
        shifts += moved
        for image, array in own.items():
            images[image].append(array.ravel())
        maps.append(labels.ravel())
        said: dict[str, Any] = {"subject": row.subject, "split": row.split, "site": row.site}
        said |= {"shape": list(read.shape), "spacing": [float(s) for s in read.spacing], "missing": []}
        about.append(said | ({"fold": folds[number]} if folds else {}))
        print(f"{name}: {number + 1}/{len(rows)} {row.subject}", flush=True)
    values = {int(v) for labels in maps for v in np.unique(labels)}
    check_values(where, {"labels_kept": read.labels_kept}, values, [row.labels for row in rows])
    given = config.get("label_names") or (config.get("layout") or {}).get("label_names") or {}
    names = {int(value): str(text) for value, text in given.items()}
    with atomic(out) as part:
        part.mkdir()
        for image, arrays in images.items():
            np.save(part / f"{image}.npy", np.concatenate(arrays))
        np.save(part / "labels.npy", np.concatenate(maps))
        content: dict[str, Any] = {
            "name": name,
            "form": "scans",
            "subjects": about,
            "modalities": list(read.images),
            "labels": {str(v): text for v, text in named(names, values | set(names)).items()},
            "facts": _facts(about, shifts, read, values),
        }
        seal(part, content, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def _prepared(row: Any, read: Read) -> tuple[dict[str, Any], Any, list[float]]:
    """Return a patient's images (X, Y, Z) float16, labels and shifts."""
    import numpy as np

    from mlmi2023.cohorts.formats.volumes import label_type, read_labels
    from mlmi2023.cohorts.forms.registered_scans.aligning import bring
    from mlmi2023.cohorts.forms.scans.labels import kept
    from mlmi2023.cohorts.forms.scans.scaling import scaled_within, windowed

    labels, place = read_labels(row.labels)
    volumes = {image: _one(image, paths, (labels, place), row) for image, paths in row.images.items()}
    try:
        brought = bring(volumes, (labels, place), read)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-120:]
        raise InputError(
            f"{row.images[read.reference][0]}: other images of {row.subject} cannot be registered to it "
            f"({reason}); look at them, or set read.register.transform to none"
        ) from error
    found = {}
    for image, array in brought.images.items():
        path, inside = row.images[image][0], brought.inside[image]
        if not inside.any():
            raise InputError(f"{path}: nothing of it lies inside the grid; check read.shape and read.spacing")
        if window := (read.window or {}).get(image):
            found[image] = np.where(inside, windowed(array, window, path), 0).astype(np.float16)
        else:
            scale = read.scale[image] if isinstance(read.scale, dict) else read.scale
            found[image] = scaled_within(array, inside, scale, path)
    drawn = kept(brought.labels, read.labels_kept) if read.labels_kept else brought.labels
    return found, drawn.astype(label_type(int(drawn.max()))), list(brought.shifts.values())


def _one(image: str, paths: list[str], labels: Any, row: Any) -> Any:
    """Return array and affine of an image; of several series, of that on whose voxels the labels lie."""
    from mlmi2023.cohorts.formats.mr_series import read_mr_series
    from mlmi2023.cohorts.formats.volumes import check_same_grid, read_volume

    for path in paths:
        volume = read_mr_series(path) if Path(path).is_dir() else read_volume(path)
        if len(paths) == 1:
            return volume
        try:
            check_same_grid(volume, labels, path)
        except InputError:
            continue
        row.images[image][:] = [path]
        return volume
    raise InputError(
        f"{row.labels}: lies on the voxels of none of the {len(paths)} series of {image}, the first is "
        f"{paths[0]}; check the pattern, or name one by read.choose"
    )


def _facts(
    about: list[dict[str, Any]], shifts: list[float], read: Read, values: set[int]
) -> list[tuple[str, str]]:
    from collections import Counter
    from statistics import median

    splits = Counter(row["split"] for row in about)
    sites = Counter(row["site"] for row in about if row["site"])
    voxels, size = (" x ".join(f"{v:g}" for v in own) for own in (read.shape, read.spacing))
    how = read.register.transform
    moved = f"; moved by {median(shifts):.1f} mm (median), {max(shifts):.1f} mm at most" if shifts else ""
    facts = [
        ("scans", ", ".join(f"{n} {split}" for split, n in splits.items())),
        ("images", ", ".join(read.images)),
        ("grid", f"{voxels} voxels of {size} mm"),
        ("registration", f"to {read.reference}: {how}{moved if how != 'none' else ''}"),
        ("interpolation", read.interpolation),
        ("structures", str(len(values - {0}))),
    ]
    return facts + (
        [("sites", ", ".join(f"{n} {s}" for s, n in sorted(sites.items())))] if len(sites) > 1 else []
    )
