"""Cohorts of the form ``images``: 2D images with masks (see :mod:`mlmi2023.cohorts.forms.images.reader`).

The key ``read`` says how the raw files lie below the root:

``images``   pattern of the images, with ``{subject}``: ``photos/{subject}.jpg``
``masks``    pattern of their masks; with ``*`` several masks of an image are united (one per nucleus, say)
``sources``  instead of both: a list of mappings with ``images``, ``masks`` and, to give each folder its own
             part, ``split`` and ``split_seed``
``classes``  name by pixel value of the masks: ``{255: lesion}``; they become 1, 2, ... in this order, 0 is
             background. Without it masks have one class, ``foreground``: what is brighter than half of the
             brightest value that a mask of this kind can have (any colour or palette)
``size``     [rows, columns] that everything is brought to; needed if sizes differ
``grey``     true: one channel instead of three

Splits come from the cohort's ``split`` (numbers, or ``rest``), ``split_seed`` and ``split_file``, as for
volumes.
Without ``read`` the layout is that of the simulators: ``images/{subject}.png``, ``masks/{subject}.png`` and
``splits.csv``. A public dataset brings the patterns of its layout (``variant`` chooses one).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.images.options import Read
from mlmi2023.core.config import expand, merge
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, content_hash, file_hash, write_json
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

DEFAULT = {"images": "images/{subject}.png", "masks": "masks/{subject}.png"}


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; patterns that fit no file stand for themselves."""
    from mlmi2023.cohorts.find.patterns import find

    found: list[Path] = []
    for source in _sources("config of the cohort", config):
        for key in ("images", "masks"):
            files = [Path(match.path) for match in find(root, source[key])]
            found += files or [root / source[key]]
    table = _split_file(config, root)
    return found + ([table] if table else [])


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> dict[str, Any]:
    """Return the key ``read`` laid on what the dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    layout, own = config.get("layout"), dict(config.get("read") or {})
    if not layout:
        options(Read, own, where, "read")
        return own
    variants = layout["variants"]
    name = config.get("variant") or next(iter(variants))
    if name not in variants:
        raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
    below = variants[name].get("read") or {}
    if "images" in own or "sources" in own:
        below = {key: value for key, value in below.items() if key not in ("images", "masks", "sources")}
    read = merge(below, own)
    options(Read, read, where, "read")
    return read


def _sources(where: str, config: dict[str, Any]) -> list[dict[str, Any]]:
    read = read_key(config, where)
    return read.get("sources") or [{k: read[k] for k in ("images", "masks") if k in read} or DEFAULT]


def _split_file(config: dict[str, Any], root: Path) -> Path | None:
    if config.get("split_file"):
        file = expand(str(config["split_file"]))
        return file if file.is_absolute() else root / file
    if config.get("split") or any("split" in s for s in read_key(config).get("sources") or []):
        return None
    return root / "splits.csv"


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

    from mlmi2023.cohorts.formats.photographs import read_mask, read_photo

    where, root = f"config of cohort '{name}'", Path(root)
    read = read_key(config)
    items = _items(where, config, root)
    size, grey = _size(where, read, items), bool(read.get("grey"))
    classes = {int(value): str(text) for value, text in (read.get("classes") or {}).items()}
    with atomic(out) as part:
        part.mkdir()
        shape = (len(items), *size)
        images = np.lib.format.open_memmap(part / "images.npy", "w+", np.uint8, (*shape, 1 if grey else 3))
        masks = np.lib.format.open_memmap(part / "masks.npy", "w+", np.uint8, shape)
        for row, (_, _, photo, labels) in enumerate(items):
            images[row] = read_photo(photo, size, grey)
            masks[row] = read_mask(labels, list(classes), size, photo)
        images.flush()
        masks.flush()
        names = list(classes.values()) or ["foreground"]
        about: dict[str, Any] = {
            "name": name,
            "form": "images",
            "subjects": [{"subject": subject, "split": split} for subject, split, _, _ in items],
            "classes": names,
            "facts": _facts(images, masks, [item[1] for item in items], names),
        }
        hashes = {file.name: file_hash(file) for file in sorted(part.iterdir())}
        about["content_hash"] = content_hash([about, hashes])
        write_json(part / "cohort.json", about)


Item = tuple[str, str, Path, list[Path]]


def _items(where: str, config: dict[str, Any], root: Path) -> list[Item]:
    """Return id, split, image and masks of all images that are used, in the order of splits and names."""
    from mlmi2023.cohorts.find.patterns import find, natural
    from mlmi2023.cohorts.find.splits import SPLITS, by_counts

    found: dict[str, tuple[Path, list[Path]]] = {}
    splits: dict[str, str] = {}
    for source in _sources(where, config):
        photos = {match.subject: Path(match.path) for match in find(root, source["images"])}
        masks: dict[str, list[Path]] = {}
        for match in find(root, source["masks"]):
            masks.setdefault(match.subject, []).append(Path(match.path))
        if not photos:
            raise InputError(f"{where}: no file fits {root / source['images']}; check root and pattern")
        for subject, photo in photos.items():
            if subject in found:
                raise InputError(f"{where}: '{subject}' names {found[subject][0]} and {photo}; rename one")
            if subject not in masks:
                missing = root / source["masks"].replace("{subject}", subject)
                raise InputError(f"{photo}: has no mask {missing}; add it or move the image away")
            found[subject] = photo, masks[subject]
        if "split" in source:
            splits |= by_counts(where, list(photos), source["split"], source.get("split_seed"))
    file = _split_file(config, root)
    if file:
        splits = _by_table(where, file, found)
    elif config.get("split"):
        splits = by_counts(where, list(found), config["split"], config.get("split_seed"))
    used = sorted(splits, key=lambda subject: (SPLITS.index(splits[subject]), natural(subject)))
    if not used:
        raise InputError(f"{where}: no image has a split; check 'split'")
    return [(subject, splits[subject], *found[subject]) for subject in used]


def _by_table(where: str, file: Path, found: dict[str, Any]) -> dict[str, str]:
    """Return splits from a table; it may write ids with or without their punctuation."""
    from mlmi2023.cohorts.find.patterns import clean
    from mlmi2023.cohorts.find.splits import by_file

    if not file.is_file():
        raise InputError(
            f"{where}: no splits: set 'split' ({{train: 20, val: 5, test: rest}}), or write {file} with the "
            "columns subject and split"
        )
    plain = {clean(subject): subject for subject in found}
    if len(plain) < len(found):
        raise InputError(f"{where}: two ids differ in their punctuation only; rename one of the images")
    return {plain[name]: split for name, split in by_file(where, file, plain).items()}


def _size(where: str, read: dict[str, Any], items: list[Item]) -> tuple[int, int]:
    from mlmi2023.cohorts.formats.photographs import size_of

    if read.get("size"):
        rows, columns = (int(n) for n in read["size"])
        if min(rows, columns) < 8:
            raise InputError(f"{where}: key 'read.size' is {read['size']}; give at least 8 rows and columns")
        return rows, columns
    sizes = Counter(size_of(photo) for _, _, photo, _ in items)
    if len(sizes) > 1:
        several = ", ".join(f"{h} x {w}" for (h, w), _ in sizes.most_common(3))
        raise InputError(
            f"{where}: images have different sizes ({several}); set 'read.size' to [rows, columns]"
        )
    return next(iter(sizes))


def _facts(images: Any, masks: Any, splits: list[str], classes: list[str]) -> list[tuple[str, str]]:
    import hashlib

    import numpy as np

    counts = Counter(splits)
    rows, columns, channels = images.shape[1:]
    where: dict[str, set[str]] = {}
    for image, split in zip(images, splits):
        where.setdefault(hashlib.sha256(image.tobytes()).hexdigest(), set()).add(split)
    shares = [np.array([(mask == value).mean() for mask in masks]) for value in range(1, len(classes) + 1)]
    across = sum(len(found) > 1 for found in where.values())
    return [
        ("images", ", ".join(f"{count} {split}" for split, count in counts.items())),
        ("size", f"{rows} x {columns}, {'grey' if channels == 1 else 'RGB'}"),
        *[
            (f"share of {text}", f"median {100 * np.median(own):.1f} %, from {100 * own.min():.1f} to "
             f"{100 * own.max():.1f} %")
            for text, own in zip(classes, shares)
        ],
        ("same image in two splits", f"{across} images" if across else "none"),
    ]  # fmt: skip


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
