"""Cohorts of the form ``image_pool``: grey images with masks, split, and a pool of others without any.

For papers that learn without labels and need a few to be judged. The key ``read``:

``pool``       pattern of the images without masks, with ``{subject}``, or a list of such. What has the
               name or is the file of an image with a mask is no part of the pool, so that nothing is
               learned on what is tested
``images``     pattern of the images with masks, and ``masks``, or instead of both ``sources``: as for the
               form ``images``. There need be none to train or to validate
``classes``    name by value of the masks, ``threshold``, ``range`` and ``page``: as for ``images``
``size``       [rows, columns] that everything is resized to; needed where sizes differ
``colour``     the channel that is taken: ``red``, ``green`` or ``blue``; ``grey``: the light of all three
``field``      grey value of 0 to 255: what is not brighter and reaches the image's edge lies outside of the
               field of view. Networks see black there, and no edge
``invert``     true: structures are dark
``tophat``     ``{blur: 1, radius: 20}``: a Gaussian blur and a white top-hat by a disc, in pixels of the
               file, then the value that a share ``white`` of the pixels does not exceed becomes white. What
               networks see; the images themselves stay for pictures

Splits come from ``split``, ``split_seed``, ``split_file`` and ``sources``, as for images; those of the pool
are ``pool``. Without ``read.images`` the layout is that of the simulators: ``pool/{subject}.png``,
``images/{subject}.png``, ``masks/{subject}.png`` and ``splits.csv``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.image_pool.listing import pool_items
from mlmi2023.cohorts.forms.image_pool.options import Read
from mlmi2023.cohorts.forms.images.listing import items, search, split_file
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

FORM, POOL = "image_pool", "pool"
#: images of a split on the picture of samples
SHOWN = 8


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; patterns that fit no file stand for themselves.

    Raises:
        InputError: all kinds of files are there, and they do not fit each other or the splits.
    """
    where, root = "config of the cohort", Path(root)
    given = read_key(config, where)
    sources, table = search(where, given, root), split_file(config, given, root)
    lost = [root / pattern for source in sources for pattern in source.lost]
    found = [Path(path) for source in sources for path in source.files]
    labelled = [] if lost else items(where, config, given, root, sources)
    pool, lacking = pool_items(where, options(Read, given, where, "read"), root, labelled)
    lost += [root / pattern for pattern in lacking]
    return [*lost, *found, *(Path(item.photo) for item in pool), *([table] if table else [])]


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
    import numpy as np

    from mlmi2023.cohorts.formats.image_files import header_of
    from mlmi2023.cohorts.forms.image_pool.facts import facts_of
    from mlmi2023.cohorts.forms.image_pool.pixels import pixels_of
    from mlmi2023.cohorts.forms.image_pool.reader import ARRAYS
    from mlmi2023.cohorts.forms.images.checks import check_range, check_room
    from mlmi2023.cohorts.forms.images.labels import Labels
    from mlmi2023.cohorts.forms.images.sizes import resizing, target_size

    where, root = f"config of cohort '{name}'", Path(root)
    given = read_key(config, where)
    read = options(Read, given, where, "read")
    labelled = items(where, config, given, root, search(where, given, root))
    pool, lost = pool_items(where, read, root, labelled)
    if lost:
        raise InputError(f"{where}: no file fits {root / lost[0]}; check root and 'read.pool'")
    used = [*pool, *labelled]
    headers = [header_of(Path(item.photo), read.page) for item in used]
    # the shared checks read keys that both forms have, and tiles, which this one has not
    like: Any = _Whole(read)
    size = target_size(where, like, used, headers)
    check_range(where, like, used, headers)
    labels = Labels(like)
    with atomic(out) as part:
        part.mkdir()
        shape = (len(used), *size)
        check_room(part, (*shape, len(ARRAYS)))
        images, inputs, masks = (
            np.lib.format.open_memmap(part / f"{kind}.npy", "w+", np.uint8, shape) for kind in ARRAYS
        )
        for row, (item, header) in enumerate(zip(used, headers)):
            images[row], inputs[row], masks[row] = pixels_of(item, header, read, size, labels)
        for array in (images, inputs, masks):
            array.flush()
        tested = [row for row, item in enumerate(used) if item.split == "test"]
        if not any(masks[row].any() for row in tested):
            raise InputError(
                f"{where}: no tested mask shows {labels.names[0]}; say in 'read.classes' or 'read.threshold' "
                "what its values mean"
            )
        rows = [
            {"subject": i.image, "split": i.split, **({} if i.image == i.group else {"group": i.group})}
            for i in used
        ]
        about: dict[str, Any] = {
            "name": name,
            "form": FORM,
            "subjects": rows,
            "classes": labels.names,
            "facts": facts_of(inputs, masks, [item.split for item in used], labels.names, read)
            + ([("resized", said)] if (said := resizing([h.shape for h in headers], size)) else []),
        }
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})


class _Whole:
    """The keys of ``read`` as the form ``images`` has them: images are never cut into tiles."""

    tiles = None

    def __init__(self, read: Read) -> None:
        vars(self).update(vars(read))


def looks(packed: Path) -> Iterator[Any]:
    """Yield every image for the search of near-twins, those of the pool among them."""
    from mlmi2023.cohorts.forms.image_pool.reader import open_pool
    from mlmi2023.preprocessing.twins import Look

    cohort = open_pool(packed)
    for subject, split, image in zip(cohort.subjects, cohort.splits, cohort.images):
        yield Look(subject, split, image[..., None], channels=True)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some images of each split with the masks outlined, and what networks see of them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.image_pool.reader import open_pool

    cohort = open_pool(packed)
    splits = list(dict.fromkeys(cohort.splits))
    figure, grid = plt.subplots(
        2 * len(splits), SHOWN, figsize=(14, 3.6 * len(splits)), squeeze=False, layout="constrained",
        facecolor="black",
    )  # fmt: skip
    for axes in grid.ravel():
        axes.axis("off")
    for number, split in enumerate(splits):
        rows = cohort.rows(split)
        shown = rows[np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)]
        for column, row in enumerate(shown):
            for axes, image in zip(grid[2 * number :, column], (cohort.images[row], cohort.inputs[row])):
                axes.imshow(image, cmap="gray", vmin=0, vmax=255)
                if cohort.masks[row].any():
                    axes.contour(cohort.masks[row] > 0, [0.5], colors="C1", linewidths=0.8)
            title = f"{cohort.subjects[row][:14]} · {split}"
            grid[2 * number, column].set_title(title, fontsize=7, color="white")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
