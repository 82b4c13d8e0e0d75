"""Cohorts of the form ``aligned_scans``: labelled volumes on one grid, for registration between subjects.

Raw files are those of the form ``scans`` (:mod:`mlmi2023.cohorts.forms.scans.form`): ``scans.csv`` of a
simulator, or name patterns under ``read.groups``. They are packed as volumes on a grid
(:mod:`mlmi2023.cohorts.forms.volumes.reader`). Keys of ``read``:

``groups``      see the form ``scans``
``modality``    name of the image; default ``CT``
``window``      [low, high], which become 0 and 1; what a scan does not reach counts as low (air)
``spacing``     mm of a voxel along right, front, up
``shape``       voxels along right, front, up
``reference``   the subject that all others are aligned to; default: the first of split train
``align``       affine registration by mutual information before the one interpolation: a mapping with
                ``spacing`` (mm of the images that are compared, default 6) and options of the step
                ``affine`` (``kind``, ``iterations``, ``shrink``, ``smooth``, ``sampling``); ``false`` for
                scans that are aligned already
``labels_kept``  only these label values, others become background; as a mapping ({1001: 1, 2001: 1}) it
                renumbers them, too

Labels take no part in the alignment. The grid's middle is the middle of what is above 0 in the reference.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.aligned_scans.keys import read_key
from mlmi2023.core.errors import InputError


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads."""
    return [
        Path(row[key]) for row in _rows("config of the cohort", config, root) for key in ("image", "labels")
    ]


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Align, resample and pack the scans, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a scan cannot be used; the line names file or key, and the fix.
    """
    import hashlib

    import numpy as np

    from mlmi2023.cohorts.find.label_names import named
    from mlmi2023.cohorts.forms.aligned_scans.aligner import Aligner
    from mlmi2023.cohorts.forms.scans.labels import LabelMaps, check_values
    from mlmi2023.cohorts.forms.scans.raw import read_label_names
    from mlmi2023.cohorts.seal import seal
    from mlmi2023.core.files import atomic

    where, read = f"config of cohort '{name}'", read_key(config)
    rows = _rows(where, config, Path(root))
    aligner = Aligner(where, rows, read)
    modality = str(read.get("modality", "CT"))
    with atomic(out) as part:
        part.mkdir()
        shape = (len(rows), *aligner.shape)
        images = np.lib.format.open_memmap(part / f"{modality}.npy", "w+", np.float16, shape)
        values: set[int] = set()
        digest = hashlib.sha256()
        with LabelMaps(part / "labels.npy") as maps:
            for number, row in enumerate(rows):
                images[number], labels = aligner.bring(row)
                maps.add(labels)
                values |= {int(v) for v in np.unique(labels)}
                digest.update(images[number].tobytes() + labels.tobytes())
                print(f"{name}: {number + 1}/{len(rows)} {row['subject']}", flush=True)
            check_values(where, read, values, [row["labels"] for row in rows])
            maps.save(shape)
        images.flush()
        given = {int(k): str(v) for k, v in (config.get("label_names") or {}).items()}
        layout = (config.get("layout") or {}).get("label_names") or {}
        names = given or {int(k): str(v) for k, v in layout.items()} or read_label_names(Path(root))
        about: dict[str, Any] = {
            "name": name,
            "form": "aligned_scans",
            "subjects": [{"subject": row["subject"], "split": row["split"]} for row in rows],
            "modalities": [modality],
            "shape": list(aligner.shape),
            "spacing": [float(s) for s in aligner.spacing],
            "affine": aligner.affine.tolist(),
            "labels": {str(v): text for v, text in named(names, values - {0}).items()},
            "landmarks": [],
            "facts": _facts(rows, aligner, values),
        }
        seal(part, about, digest.hexdigest())


def _rows(where: str, config: dict[str, Any], root: Path) -> list[dict[str, Any]]:
    from mlmi2023.cohorts.forms.scans.listing import list_scans

    if any(group.get("images") for group in read_key(config).get("groups") or []):
        raise InputError(
            f"{where}: scans of the form aligned_scans have one 'image'; give that in read.groups"
        )
    # what lists scans knows the keys of its own form
    read = {"window": [0, 1], "groups": read_key(config).get("groups")}
    layout = {key: value for key, value in (config.get("layout") or {}).items() if key != "read"}
    return list_scans(where, {**config, "layout": layout, "read": read}, root)


def _facts(rows: list[dict[str, Any]], aligner: Any, values: set[int]) -> list[tuple[str, str]]:
    from collections import Counter

    splits = Counter(row["split"] for row in rows)
    voxels, size = (" x ".join(f"{v:g}" for v in own) for own in (aligner.shape, aligner.spacing))
    return [
        ("scans", ", ".join(f"{n} {split}" for split, n in splits.items())),
        (
            "grid",
            f"{voxels} voxels of {size} mm",
        ),
        ("aligned", f"to {aligner.reference} by an affine transform" if aligner.options else "already"),
        ("structures", str(len(values - {0}))),
    ]


def looks(packed: Path) -> Iterator[Any]:
    """Yield every scan for the search of near-twins, by its first image."""
    from mlmi2023.cohorts.forms.volumes.reader import open_packed
    from mlmi2023.preprocessing.twins import Look

    cohort = open_packed(packed)
    images = cohort.images(cohort.modalities[0])
    for subject, split, image in zip(cohort.subjects, cohort.splits, images):
        yield Look(subject, split, image)


def turned(packed: Path) -> list[str]:
    """Return what to say of scans whose alignment left them turned."""
    from mlmi2023.cohorts.forms.volumes.reader import open_packed
    from mlmi2023.preprocessing.doubts import turned_scans
    from mlmi2023.preprocessing.match import others_match

    cohort = open_packed(packed)
    return turned_scans(cohort.subjects, others_match(cohort.images(cohort.modalities[0]), cohort.spacing))


def draw_samples(packed: Path, png: Path) -> None:
    """Draw slices of some scans on the common grid, structures coloured."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.volumes.reader import open_packed
    from mlmi2023.drawing.slices import label_colours, name_edges, paint

    cohort = open_packed(packed)
    firsts = {split: cohort.indices(split) for split in dict.fromkeys(cohort.splits)}
    shown = [row for turn in range(6) for rows in firsts.values() for row in rows[turn : turn + 1]][:6]
    colours = label_colours(sorted(cohort.label_names), cohort.label_names)
    figure, grid = plt.subplots(
        4, len(shown), figsize=(2.2 * max(len(shown), 3), 8.4), squeeze=False, layout="constrained",
        facecolor="black",
    )  # fmt: skip
    z, y = (n // 2 for n in (cohort.shape[2], cohort.shape[1]))
    tall = cohort.spacing[2] / cohort.spacing[0]
    for column, row in zip(grid.T, shown):
        image = np.asarray(cohort.images(cohort.modalities[0])[row], np.float32)
        labels = np.asarray(cohort.labels[row]) if cohort.labels is not None else np.zeros(image.shape, int)
        for k, (cut, aspect) in enumerate(((np.s_[:, :, z], 1.0), (np.s_[:, y], tall))):
            for shade in (0, 1):
                axes = column[2 * k + shade]
                axes.imshow(image[cut].T, cmap="gray", vmin=0, vmax=1, origin="lower", aspect=aspect)
                if shade:
                    axes.imshow(paint(labels[cut].T, colours, 0.6), origin="lower", aspect=aspect,
                                interpolation="nearest")  # fmt: skip
                axes.axis("off")
                name_edges(axes, ("axial", "coronal")[k])
        column[0].set_title(f"{cohort.subjects[row]} · {cohort.splits[row]}", fontsize=8, color="white")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
