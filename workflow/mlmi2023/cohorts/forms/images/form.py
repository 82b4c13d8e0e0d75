"""Cohorts of the form ``images``: 2D images with masks (see :mod:`mlmi2023.cohorts.forms.images.reader`).

The key ``read`` says how the raw files lie below the root:

``images``     pattern of the images, with ``{subject}``: ``photos/{subject}.jpg``. Other fields such as
               ``{class}/{subject}.png`` or ``{subject}_{eye}.jpg`` stand for a part of a name too; images of
               one subject share its split
``masks``      pattern of their masks, or a list of such; all that fit an image are united (one per nucleus,
               say, or ``{class}/{subject}_mask*.png``). Files that are masks are no images
``sources``    instead of both: a list of mappings with ``images``, ``masks`` and, to give each folder its
               own part, ``split`` and ``split_seed``
``classes``    name by value of the masks: ``{255: lesion}``; they become 1, 2, ... in this order, and what is
               called ``background`` becomes 0, as 0 does. Values of one name are one class. Colours other
               than greys are texts, ``{"#ff0000": vessel}``; those of a palette are its numbers
``threshold``  instead: one class, ``foreground``, is what is brighter. Without both, masks have 0 and one
               other value, the same in all, which is ``foreground``
``range``      [low, high] that become 0 and 255, in the files' own units; files of more than 8 bits need it
``page``       which page of files with several, from 1
``size``       [rows, columns] that everything is resized to; this or ``tiles`` where sizes differ
``tiles``      ``{size: [rows, columns], stride: [rows, columns]}`` that images are cut into; those of one
               image share its split, and each is a case
``grey``       true: one channel instead of three

Splits come from the cohort's ``split`` (numbers, or ``rest``; names of folders where patterns have
``{split}``), ``split_seed``, ``split_file`` and ``group``, as for volumes.
Without ``read`` the layout is that of the simulators: ``images/{subject}.png``, ``masks/{subject}.png`` and
``splits.csv``. A public dataset brings the patterns of its layout (``variant`` chooses one).
Images lie as their EXIF says.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.images.listing import items, search, split_file
from mlmi2023.cohorts.forms.images.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest


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
    if not layout:
        options(Read, own, where, "read")
        return dict(own or {})
    variants = layout["variants"]
    name = config.get("variant") or next(iter(variants))
    if name not in variants:
        raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
    if own is not None and not isinstance(own, dict):
        options(Read, own, where, "read")
    below, own = variants[name].get("read") or {}, own or {}
    if "images" in own or "sources" in own:
        below = {key: value for key, value in below.items() if key not in ("images", "masks", "sources")}
    # one rule for masks, and one for sizes, in the place of the other
    instead = {"classes": "threshold", "threshold": "classes", "size": "tiles", "tiles": "size"}
    below = {key: value for key, value in below.items() if instead.get(key) not in own}
    read = merge(below, own)
    options(Read, read, where, "read")
    return read


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
    from mlmi2023.cohorts.forms.images.checks import check_packed, check_range, check_room
    from mlmi2023.cohorts.forms.images.facts import changes, facts_of, fields_facts
    from mlmi2023.cohorts.forms.images.labels import Labels
    from mlmi2023.cohorts.forms.images.pixels import pixels_of
    from mlmi2023.cohorts.forms.images.sizes import target_size, tiles_of

    where, root = f"config of cohort '{name}'", Path(root)
    given = read_key(config, where)
    read = options(Read, given, where, "read")
    used = items(where, config, given, root, search(where, given, root))
    headers = [header_of(Path(item.photo), read.page) for item in used]
    size = target_size(where, read, used, headers)
    check_range(where, read, used, headers)
    tiles = [tiles_of(item.image, header.shape, read.tiles) for item, header in zip(used, headers)]
    labels = Labels(read)
    with atomic(out) as part:
        part.mkdir()
        shape = (sum(map(len, tiles)), *size)
        channels = 1 if read.grey else 3
        check_room(part, (*shape, channels + 1))
        images = np.lib.format.open_memmap(part / "images.npy", "w+", np.uint8, (*shape, channels))
        masks = np.lib.format.open_memmap(part / "masks.npy", "w+", np.uint8, shape)
        rows: list[dict[str, str]] = []
        beyond = []
        for item, header, own in zip(used, headers, tiles):
            photo, mask, outside = pixels_of(item, header, read, labels)
            beyond.append(outside)
            for tile in own:
                place = slice(tile.top, tile.top + size[0]), slice(tile.left, tile.left + size[1])
                images[len(rows)], masks[len(rows)] = photo[place], mask[place]
                group = {} if tile.name == item.group else {"group": item.group}
                rows.append({"subject": tile.name, "split": item.split, **group})
        images.flush()
        masks.flush()
        check_packed(where, images, masks, read, labels.names)
        splits = [row["split"] for row in rows]
        said = changes(read, [header.shape for header in headers], size, len(rows), beyond, labels.vanished)
        for what, text in said:
            print(f"{name}: {what}: {text}", flush=True)
        about: dict[str, Any] = {
            "name": name,
            "form": "images",
            "subjects": rows,
            "classes": labels.names,
            "facts": [*facts_of(images, masks, splits, labels.names), *fields_facts(used), *said],
        }
        hashes = {file.name: file_hash(file) for file in sorted(part.iterdir())}
        seal(part, about, hashes)


def looks(packed: Path) -> Iterator[Any]:
    """Yield every image for the search of near-twins."""
    from mlmi2023.cohorts.forms.images.reader import open_images
    from mlmi2023.preprocessing.twins import Look

    cohort = open_images(packed)
    for subject, split, image in zip(cohort.subjects, cohort.splits, cohort.images):
        yield Look(subject, split, image, channels=True)


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some images of each split with the masks outlined."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.images.reader import open_images

    cohort = open_images(packed)
    splits = list(dict.fromkeys(cohort.splits))
    figure, grid = plt.subplots(
        len(splits),
        8,
        figsize=(14, 1.9 * len(splits)),
        squeeze=False,
        layout="constrained",
        facecolor="black",
    )
    for axes_row, split in zip(grid, splits):
        rows = cohort.rows(split)
        shown = rows[np.linspace(0, len(rows) - 1, min(8, len(rows))).astype(int)]
        for axes in axes_row:
            axes.axis("off")
        for axes, row in zip(axes_row, shown):
            image, mask = cohort.images[row], cohort.masks[row]
            axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
            for value in range(1, len(cohort.classes) + 1):
                if (mask == value).any() and (mask != value).any():
                    axes.contour(mask == value, [0.5], colors=f"C{value - 1}", linewidths=0.8)
            axes.set_title(f"{cohort.subjects[row][:14]} · {split}", fontsize=7, color="white")
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
