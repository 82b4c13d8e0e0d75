"""Cohorts of the form ``pool_scans``: labelled scans, and pools of others without labels or without
structures.

They are packed as ``scans`` are and read by :mod:`mlmi2023.cohorts.forms.scans.reader`. Labels of a split
that is hidden are :data:`HIDDEN` everywhere: what is not known is in no file that a training could read.

A made cohort brings ``scans.csv`` (:mod:`mlmi2023.cohorts.forms.scans.raw`). Of any other, the key ``read``
says where scans lie, by ``groups``, by ``lists``, or by both:

``groups``      ``image`` and ``labels`` (name patterns with {subject}), ``split`` and ``site`` as the form
                ``scans`` has them. An image is a volume; a folder of DICOM slices where its pattern ends with
                a slash, sorted by their position; or a photograph (``.png``), which is a scan of one slice
``lists``       a ``dataset.json`` with the lists ``training`` and ``test``: ``file``, ``folders`` where else
                its files may lie, ``val`` (training scans that validate) and ``seed``
``patient``     pattern of a scan's name with {group}, the patient: nobody may be on two sides of the split,
                and pools lose the scans of patients who have labels
``hide``        splits whose labels are not there, or not to be looked at
``empty``       splits whose scans have nothing to label: all background

Beside these, ``modality``, ``spacing``, ``smooth`` and ``window`` are those of ``scans``; ``scale:
percentiles`` instead of a window; ``thickness`` of DICOM slices in mm, where headers lack it; ``threshold``
above which a photograph's mask is its structure.

Packed intensities lie from 0 to 1. What is 0 lies at or under the window's lower end, as air does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.pool_scans.listing import list_scans
from mlmi2023.cohorts.forms.pool_scans.listing import read_key as _model
from mlmi2023.core.errors import InputError

#: label of voxels whose labels are not known
HIDDEN = 255
PHOTOGRAPHS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> None:
    """Check the cohort's key ``read``.

    Raises:
        InputError: an unknown key, or a value that cannot be used.
    """
    _model(config, where)


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads."""
    found: list[Path] = []
    for row in list_scans("config of the cohort", config, Path(root)):
        image = Path(row["image"])
        found += sorted(p for p in image.iterdir() if p.is_file()) if image.is_dir() else [image]
        found += [Path(row["labels"])] if row["labels"] else []
    return found


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed scans, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a scan cannot be used; the line names file or key, and the fix.
    """
    import numpy as np

    from mlmi2023.cohorts.find.label_names import named
    from mlmi2023.cohorts.forms.scans.labels import LabelMaps, check_values
    from mlmi2023.cohorts.forms.scans.raw import read_label_names
    from mlmi2023.cohorts.seal import seal
    from mlmi2023.core.files import atomic, file_hash

    where = f"config of cohort '{name}'"
    read = _model(config, where)
    rows = list_scans(where, config, Path(root))
    with atomic(out) as part:
        part.mkdir()
        about: list[dict[str, Any]] = []
        values: set[int] = set()
        image_file = part / f"{read.modality}.raw"
        with open(image_file, "wb") as stream, LabelMaps(part / "labels.npy") as maps:
            for row in rows:
                image, labels, spacing = _prepared(row, read)
                if row["labels"]:
                    values |= {int(v) for v in np.unique(labels)}
                stream.write(image.tobytes())
                maps.add(labels)
                own = {key: row[key] for key in ("subject", "split", "site")}
                about.append(
                    {**own, "shape": list(labels.shape), "spacing": [round(float(s), 6) for s in spacing]}
                )
            check_values(where, {}, values, [row["labels"] for row in rows if row["labels"]])
            if max(values) >= HIDDEN:
                raise InputError(
                    f"{where}: labels go to {max(values)}; give structures values below {HIDDEN}"
                )
            maps.save()
        np.save(part / f"{read.modality}.npy", np.memmap(image_file, np.float16, "r"))
        image_file.unlink()
        given = {int(k): str(v) for k, v in (config.get("label_names") or {}).items()}
        layout = (config.get("layout") or {}).get("label_names") or {}
        names = given or {int(k): str(v) for k, v in layout.items()} or read_label_names(Path(root))
        content: dict[str, Any] = {
            "name": name,
            "form": "scans",
            "subjects": about,
            "modalities": [read.modality],
            "labels": {str(v): text for v, text in named(names, values | set(names)).items()},
            "facts": _facts(about, values, read),
        }
        seal(part, content, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def _prepared(row: dict[str, str], read: Any) -> tuple[Any, Any, Any]:
    """Return image (X, Y, Z) float16 from 0 to 1, labels and voxel size of one scan."""
    import numpy as np

    from mlmi2023.cohorts.formats.header_checks import voxel_size
    from mlmi2023.cohorts.formats.volumes import check_same_grid, label_type, read_labels
    from mlmi2023.cohorts.forms.scans.scaling import scaled_within, windowed
    from mlmi2023.cohorts.forms.scans.spacing import check_room, respaced

    file = row["image"]
    image, affine = _image(file, read)
    if not row["labels"]:
        # 0 where all is background, unknown where labels are hidden
        labels = np.full(image.shape, HIDDEN if row["split"] in read.hide else 0, np.uint8)
    elif row["labels"].lower().endswith(PHOTOGRAPHS):
        labels = _mask(row["labels"], read, image.shape)
    else:
        labels, place = read_labels(row["labels"], empty=True)
        check_same_grid((image, affine), (labels, place), row["labels"])
    spacing = voxel_size(file, affine)
    if read.spacing:
        new = np.array(read.spacing, float)
        check_room(file, image.shape, spacing, new)
        image = respaced(image, spacing, new, smooth=read.smooth)
        labels, spacing = respaced(labels, spacing, new, nearest=True), new
    if read.window:
        image = windowed(image, read.window, file).astype(np.float16)
    else:
        image = scaled_within(image, np.ones(image.shape, bool), read.scale, file)
    return image, labels.astype(label_type(int(labels.max()))), spacing


def _image(file: str, read: Any) -> tuple[Any, Any]:
    """Return an image (X, Y, Z) in RAS order and its affine: of a volume, DICOM slices, or a photograph."""
    import numpy as np

    from mlmi2023.cohorts.formats.dicom import read_series
    from mlmi2023.cohorts.formats.image_files import load_image
    from mlmi2023.cohorts.formats.volumes import read_volume

    if Path(file).is_dir():
        return read_series(file, read.thickness)[:2]
    if file.lower().endswith(PHOTOGRAPHS):
        grey = np.asarray(load_image(Path(file)).convert("L"), np.float32)
        return _slice(grey), np.eye(4)
    return read_volume(file)


def _mask(file: str, read: Any, shape: tuple[int, ...]) -> Any:
    """Return the labels of a photograph: its mask's values, or 1 above the threshold."""
    import numpy as np

    from mlmi2023.cohorts.formats.masks import mask_values

    values = mask_values(Path(file))
    labels = _slice(values if read.threshold is None else (values > read.threshold)).astype(np.uint8)
    if labels.shape != shape:
        raise InputError(f"{file}: has {labels.shape[:2]} pixels, its image {shape[:2]}; export it again")
    return labels


def _slice(pixels: Any) -> Any:
    """Return rows and columns, the first row on top, as a volume (X, Y, 1) whose Y runs upwards."""
    return pixels[::-1].T[:, :, None].copy()


def _facts(about: list[dict[str, Any]], values: set[int], read: Any) -> list[tuple[str, str]]:
    from collections import Counter

    splits = Counter(row["split"] for row in about)
    kinds = {**dict.fromkeys(read.hide, "labels hidden"), **dict.fromkeys(read.empty, "nothing to label")}
    said = [f"{n} {split}" + (f" ({kinds[split]})" if split in kinds else "") for split, n in splits.items()]
    low, high = ([f([row["shape"][i] for row in about]) for i in range(3)] for f in (min, max))
    sizes = " x ".join(f"{side:g}" for side in about[0]["spacing"])
    return [
        ("scans", ", ".join(said)),
        ("voxels", f"{' x '.join(map(str, low))} to {' x '.join(map(str, high))}"),
        ("voxel size", f"{sizes} mm in the first scan"),
        ("structures", str(len(values - {0}))),
        ("intensities", f"window {list(read.window)}" if read.window else str(read.scale)),
    ]


def looks(packed: Path) -> Iterator[Any]:
    """Yield every scan for the search of near-twins."""
    from mlmi2023.cohorts.forms.scans.form import looks as of_scans

    yield from of_scans(packed)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw slices of some scans of each split, structures coloured; hidden labels are grey."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.scans.reader import open_scans
    from mlmi2023.drawing.slices import label_colours, paint

    scans = open_scans(packed)
    firsts = {split: scans.rows(split) for split in dict.fromkeys(scans.splits)}
    shown = [row for turn in range(8) for rows in firsts.values() for row in rows[turn : turn + 1]][:8]
    colours = label_colours(sorted(scans.label_names), scans.label_names)
    figure, grid = plt.subplots(
        2, len(shown), figsize=(1.9 * max(len(shown), 3), 4.6), squeeze=False, layout="constrained",
        facecolor="black",
    )  # fmt: skip
    for column, row in zip(grid.T, shown):
        image, labels = np.asarray(scans.image(row), np.float32), np.array(scans.labels(row))
        known = not (labels == HIDDEN).any()
        labels[labels == HIDDEN] = 0
        z = int((labels > 0).sum((0, 1)).argmax()) if labels.any() else labels.shape[2] // 2
        for shade, axes in enumerate(column):
            axes.imshow(image[:, :, z].T, cmap="gray", vmin=0, vmax=1, origin="lower")
            if shade:
                axes.imshow(paint(labels[:, :, z].T, colours, 0.7), origin="lower", interpolation="nearest")
            axes.axis("off")
        said = "" if known else ", no labels"
        column[0].set_title(f"{scans.subjects[row]}\n{scans.splits[row]}{said}", fontsize=7, color="white")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
