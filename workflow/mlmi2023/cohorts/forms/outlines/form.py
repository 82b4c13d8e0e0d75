"""Cohorts of the form ``outlines``: 2D images of any size with label maps, each at its own resolution.

For papers that find outlines at one size and are judged at the image's own. The key ``read``:

``images``     pattern of the images, with ``{subject}``, and ``masks``, pattern or list of patterns, as for
               the form ``images``. Files are everyday images or 2D NIfTI (``.nii``, ``.nii.gz``)
``classes``    name by value of the masks, ``threshold``, ``range``, ``page`` and ``grey``: as for ``images``
``fill``       true: masks show outlines; what these enclose belongs to them
``objects``    cut single objects out: every connected part of a mask becomes a case, in a square with a
               ``margin``; those at the image's edge are left out. ``least``: pixels, ``most``: of an image

Splits come from ``split``, ``split_seed``, ``split_file`` and ``group``, as for images; objects of one image
stay together. Without ``read.images`` the layout is that of the simulators: ``images/{subject}.png``,
``masks/{subject}.png`` and ``splits.csv``. A public dataset brings its patterns (``variant`` chooses one).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.images.listing import items, search, split_file
from mlmi2023.cohorts.forms.outlines.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

FORM = "outlines"
#: images of a split on the picture of samples
SHOWN = 8


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; patterns that fit no file stand for themselves.

    Raises:
        InputError: all kinds of files are there, and they do not fit each other or the splits.
    """
    where, root = "config of the cohort", Path(root)
    read = read_key(config, where)
    sources, table = search(where, read, root), split_file(config, read, root)
    lost = [root / pattern for source in sources for pattern in source.lost]
    if not lost:
        items(where, config, read, root, sources)
    found = [Path(path) for source in sources for path in source.files]
    return [*lost, *found, *([table] if table else [])]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> dict[str, Any]:
    """Return the key ``read`` laid on what the dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    layout, own = config.get("layout"), config.get("read")
    if layout:
        variants = layout["variants"]
        name = config.get("variant") or next(iter(variants))
        if name not in variants:
            raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
        below = variants[name].get("read") or {}
        own = merge(below, own or {}) if own is None or isinstance(own, dict) else own
    options(Read, own, where, "read")
    return dict(own or {})


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed images, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix.
    """
    from mlmi2023.cohorts.forms.outlines.facts import facts_of
    from mlmi2023.cohorts.forms.outlines.pixels import Structures, pixels_of
    from mlmi2023.cohorts.forms.outlines.reader import IMAGES, MASKS

    where, root = f"config of cohort '{name}'", Path(root)
    given = read_key(config, where)
    read = options(Read, given, where, "read")
    used = items(where, config, given, root, search(where, given, root))
    labels = Structures(read)
    rows: list[dict[str, Any]] = []
    start = 0
    with atomic(out) as part:
        part.mkdir()
        with open(part / IMAGES, "wb") as images, open(part / MASKS, "wb") as masks:
            for item in used:
                for case, image, mask in pixels_of(item, read, labels):
                    images.write(image.tobytes())
                    masks.write(mask.tobytes())
                    shares = [float((mask == k).mean()) for k in range(1, 1 + len(labels.names))]
                    group = {} if case == item.group else {"group": item.group}
                    shape = {"rows": mask.shape[0], "columns": mask.shape[1], "start": start}
                    rows.append({"subject": case, "split": item.split, **group, **shape, "shares": shares})
                    start += mask.size
        if not rows:
            raise InputError(f"{where}: no object is left to cut out; lower 'read.objects.least'")
        if not any(any(row["shares"]) for row in rows):
            raise InputError(
                f"{where}: no mask shows {' or '.join(labels.names)}; say in 'read.classes' what values mean"
            )
        about = {
            "name": name,
            "form": FORM,
            "subjects": rows,
            "classes": labels.names,
            "channels": 1 if read.grey else 3,
            "facts": facts_of(rows, labels.names, read),
        }
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})


def looks(packed: Path) -> Iterator[Any]:
    """Yield every image for the search of near-twins."""
    from mlmi2023.cohorts.forms.outlines.reader import open_outlines
    from mlmi2023.preprocessing.twins import Look

    cohort = open_outlines(packed)
    for row, (subject, split) in enumerate(zip(cohort.subjects, cohort.splits)):
        yield Look(subject, split, cohort.image(row), channels=True)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some images of each split with the masks outlined."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.outlines.reader import open_outlines

    cohort = open_outlines(packed)
    splits = list(dict.fromkeys(cohort.splits))
    figure, grid = plt.subplots(
        len(splits),
        SHOWN,
        figsize=(14, 1.9 * len(splits)),
        squeeze=False,
        layout="constrained",
        facecolor="black",
    )
    for line, split in zip(grid, splits):
        rows = cohort.rows(split)
        for axes in line:
            axes.axis("off")
        shown = rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)]
        for axes, row in zip(line, shown):
            image, mask = cohort.image(row), cohort.mask(row)
            axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
            for value in range(1, len(cohort.classes) + 1):
                if (mask == value).any() and (mask != value).any():
                    axes.contour(mask == value, [0.5], colors=f"C{value - 1}", linewidths=0.8)
            axes.set_title(f"{cohort.subjects[row][:14]} · {split}", fontsize=7, color="white")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
