"""Cohorts of the form ``scans``: labelled volumes, each on a grid of its own (:mod:`.reader`).

A made cohort brings ``scans.csv`` (:mod:`mlmi2023.cohorts.forms.scans.raw`). Of any other, the key ``read``
says where files lie, in one or more ``groups`` (a public dataset's layout may have them too):

``image``        name pattern with {subject}, below the root
``images``       instead: patterns by name ({T1: ..., FLAIR: ...}), which become a scan's channels
``labels``       the same, of the label map
``split``        a word for all (``train``), counts in natural order ({train: 20, val: 4, test: rest}), or
                 lists of ids
``site``         a word for all; optional

Beside ``groups``, ``read`` takes what is done to every scan:

``modality``     name of the image; default ``image``
``spacing``      mm along X, Y, Z; without it scans keep their voxels
``smooth``       false: interpolate alone; default: smooth first along axes that become coarser
``window``       [low, high], which become 0 and 1, the rest is clipped; Hounsfield units of CT, so that where
                 low is below 0, a scan without any value there is refused
``scale``        instead: ``zscore`` over what is not 0 (stripped heads), or ``percentiles`` (1 and 99)
``missing``      an image that a scan lacks: ``refuse`` (default), or ``zero``, which packs zeros and says so
``crop``         true: cut to the box of what is above 0 after scaling, as a CT's air is
``labels_kept``  only these label values, others become background; as a mapping ({1001: 1, 2001: 1}) it
                 renumbers them, too

With several images, ``window`` and ``scale`` may be given by name ({CT: [-100, 250]}, {PET: zscore}). All of
a scan's images lie on the grid of its labels.

The cohort's key ``folds`` deals scans into folds by subject, or by the cohort's key ``group``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.scans.keys import modalities, read_key, scaling


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads."""
    from mlmi2023.cohorts.forms.scans.listing import list_scans

    rows = list_scans("config of the cohort", config, root)
    return [Path(path) for row in rows for path in (*row["images"].values(), row["labels"]) if path]


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
    from contextlib import ExitStack

    import numpy as np

    from mlmi2023.cohorts.find.folds import stratified_folds
    from mlmi2023.cohorts.find.label_names import named
    from mlmi2023.cohorts.forms.scans.labels import LabelMaps, check_values
    from mlmi2023.cohorts.forms.scans.listing import list_scans
    from mlmi2023.cohorts.forms.scans.raw import read_label_names
    from mlmi2023.cohorts.seal import seal
    from mlmi2023.core.files import atomic, file_hash

    where, read = f"config of cohort '{name}'", read_key(config)
    rows = list_scans(where, config, Path(root))
    channels, dealt = modalities(read), config.get("folds")
    folds = []
    if dealt:
        ids = [row.get("together", row["subject"]) for row in rows]
        folds = stratified_folds(
            where, [0] * len(rows), ids, dealt["count"], int(dealt.get("seed", 0))
        ).tolist()
    with atomic(out) as part:
        part.mkdir()
        about: list[dict[str, Any]] = []
        values: set[int] = set()
        with ExitStack() as stack:
            raw = {array: stack.enter_context(open(part / f"{array}.raw", "wb")) for array in channels}
            maps = stack.enter_context(LabelMaps(part / "labels.npy"))
            for number, row in enumerate(rows):
                images, labels, spacing = _prepared(row, read)
                values |= {int(v) for v in np.unique(labels)}
                for array in channels:
                    raw[array].write(images.get(array, np.zeros(labels.shape, np.float16)).tobytes())
                maps.add(labels)
                own = {key: row[key] for key in ("subject", "split", "site")}
                own |= {"shape": list(labels.shape), "spacing": [round(float(s), 6) for s in spacing]}
                own |= {"fold": folds[number]} if folds else {}
                if len(channels) > 1:
                    own["missing"] = [array for array in channels if array not in images]
                about.append(own)
            check_values(where, read, values, [row["labels"] for row in rows])
            maps.save()
        for array in channels:
            np.save(part / f"{array}.npy", np.memmap(part / f"{array}.raw", np.float16, "r"))
            (part / f"{array}.raw").unlink()
        given = {int(k): str(v) for k, v in (config.get("label_names") or {}).items()}
        layout = (config.get("layout") or {}).get("label_names") or {}
        names = given or {int(k): str(v) for k, v in layout.items()} or read_label_names(Path(root))
        content: dict[str, Any] = {
            "name": name,
            "form": "scans",
            "subjects": about,
            "modalities": channels,
            "labels": {str(v): text for v, text in named(names, values | set(names)).items()},
            "facts": _facts(about, values, read),
        }
        hashes = {file.name: file_hash(file) for file in sorted(part.iterdir())}
        seal(part, content, hashes)


def _prepared(row: dict[str, Any], read: dict[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """Return images (X, Y, Z) float16 by name, labels and voxel size of one scan."""
    import numpy as np

    from mlmi2023.cohorts.formats.header_checks import voxel_size
    from mlmi2023.cohorts.formats.volumes import check_same_grid, label_type, read_labels, read_volume
    from mlmi2023.cohorts.forms.scans.labels import kept
    from mlmi2023.cohorts.forms.scans.scaling import scaled_within, windowed
    from mlmi2023.cohorts.forms.scans.spacing import check_room, respaced

    labels, place = read_labels(row["labels"], empty=True)
    new = np.array(read["spacing"], float) if read.get("spacing") else None
    images: dict[str, Any] = {}
    spacings = []
    for name, file in row["images"].items():
        if not file:
            continue
        image, affine = read_volume(file)
        check_same_grid((image, affine), (labels, place), row["labels"])
        inside, spacing = image != 0, voxel_size(file, affine)
        spacings.append(spacing)
        if new is not None:
            check_room(file, image.shape, spacing, new)
            image = respaced(image, spacing, new, smooth=read.get("smooth", True))
            inside = respaced(inside, spacing, new, nearest=True)
        window, scale = scaling(read, name)
        if window:
            images[name] = windowed(image, window, file).astype(np.float16)
        else:
            images[name] = scaled_within(image, inside, scale, file)
    spacing = spacings[0]
    if new is not None:
        labels, spacing = respaced(labels, spacing, new, nearest=True), new
    if read.get("labels_kept"):
        labels = kept(labels, read["labels_kept"])
    if read.get("crop"):
        spots = np.nonzero(np.any([image > 0 for image in images.values()], axis=0))
        box = tuple(slice(int(s.min()), int(s.max()) + 1) for s in spots)
        images, labels = {name: image[box] for name, image in images.items()}, labels[box]
    return images, labels.astype(label_type(int(labels.max()))), spacing


def _facts(about: list[dict[str, Any]], values: set[int], read: dict[str, Any]) -> list[tuple[str, str]]:
    from collections import Counter

    splits = Counter(row["split"] for row in about)
    sites = Counter(row["site"] for row in about if row["site"])
    low, high = (
        [f([row[k][i] for row in about]) for i in range(3)] for f, k in ((min, "shape"), (max, "shape"))
    )
    thick = sorted({row["spacing"][2] for row in about})
    spaced = f"{thick[0]:g}" if len(thick) == 1 else f"{thick[0]:g} to {thick[-1]:g}"
    scaled = f"window {read['window']}" if read.get("window") else str(read["scale"])
    facts = [
        ("scans", ", ".join(f"{n} {split}" for split, n in splits.items())),
        ("voxels", f"{' x '.join(map(str, low))} to {' x '.join(map(str, high))}"),
        ("voxel size", f"{about[0]['spacing'][0]:g} mm in plane, {spaced} mm between slices"),
        ("structures", str(len(values - {0}))),
        ("intensities", scaled),
    ]
    counts = Counter(name for row in about for name in row.get("missing", ()))
    if "missing" in about[0]:
        names = modalities(read)
        said = [f"{name} (missing in {counts[name]})" if counts[name] else name for name in names]
        facts.append(("channels", ", ".join(said)))
    return facts + ([("sites", ", ".join(f"{n} {s}" for s, n in sorted(sites.items())))] if sites else [])


def looks(packed: Path) -> Iterator[Any]:
    """Yield every scan for the search of near-twins, by its first image."""
    from mlmi2023.cohorts.forms.scans.reader import open_scans
    from mlmi2023.preprocessing.twins import Look

    scans = open_scans(packed)
    sides = [f"fold {fold}" for fold in scans.folds] or scans.splits
    for row, (subject, side) in enumerate(zip(scans.subjects, sides)):
        yield Look(subject, side, scans.image(row))


def draw_samples(packed: Path, png: Path) -> None:
    """Draw slices of some scans, structures coloured."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.scans.reader import open_scans
    from mlmi2023.drawing.slices import label_colours, name_edges, paint

    scans = open_scans(packed)
    firsts = {split: scans.rows(split) for split in dict.fromkeys(scans.splits)}
    shown = [row for turn in range(6) for rows in firsts.values() for row in rows[turn : turn + 1]][:6]
    colours = label_colours(sorted(scans.label_names), scans.label_names)
    figure, grid = plt.subplots(
        4, len(shown), figsize=(2.2 * max(len(shown), 3), 8.4), squeeze=False, layout="constrained",
        facecolor="black",
    )  # fmt: skip
    for column, row in zip(grid.T, shown):
        image, labels = np.asarray(scans.image(row), np.float32), np.asarray(scans.labels(row))
        z, y = (int((labels > 0).sum(axes).argmax()) for axes in ((0, 1), (0, 2)))
        low, high = np.percentile(image, [1, 99.5])
        tall = scans.spacings[row][2] / scans.spacings[row][0]
        for k, (cut, aspect) in enumerate(((np.s_[:, :, z], 1.0), (np.s_[:, y], tall))):
            for shade in (0, 1):
                axes = column[2 * k + shade]
                axes.imshow(image[cut].T, cmap="gray", vmin=low, vmax=high, origin="lower", aspect=aspect)
                if shade:
                    axes.imshow(paint(labels[cut].T, colours, 0.6), origin="lower", aspect=aspect,
                                interpolation="nearest")  # fmt: skip
                axes.axis("off")
                name_edges(axes, ("axial", "coronal")[k])
        about = " · ".join(filter(None, [scans.subjects[row], scans.splits[row], scans.sites[row]]))
        column[0].set_title(about, fontsize=8, color="white")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
