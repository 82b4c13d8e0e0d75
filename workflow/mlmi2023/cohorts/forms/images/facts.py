"""What a packed cohort of images says of itself on pages."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.images.listing import Item
from mlmi2023.cohorts.forms.images.options import Read
from mlmi2023.cohorts.forms.images.sizes import Shape, resizing

#: kinds beyond which a field of the files' names is no grouping
KINDS = 12


def facts_of(images: Any, masks: Any, splits: list[str], classes: list[str]) -> list[tuple[str, str]]:
    """Return lines of what and how much there is.

    Args:
        images: (N, H, W, C) uint8.
        masks: (N, H, W) uint8.
        splits: of each image.
        classes: names of the labels 1, 2, ...
    """
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


def fields_facts(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Return a line for each further field of the files' names: how many images of each kind a split has."""
    found = []
    for field in dict.fromkeys(
        key for item in items for key in item.fields if key not in ("subject", "split")
    ):
        kinds = Counter((item.fields.get(field, ""), item.split) for item in items)
        names = sorted({kind for kind, _ in kinds})
        if len(names) <= KINDS:
            splits = list(dict.fromkeys(item.split for item in items))
            text = "; ".join(
                f"{name}: {', '.join(f'{kinds[name, s]} {s}' for s in splits if kinds[name, s])}"
                for name in names
            )
            found.append((field, text))
    return found


def changes(
    read: Read,
    shapes: Sequence[Shape],
    size: Shape,
    count: int,
    beyond: Sequence[float],
    vanished: Sequence[Item],
) -> list[tuple[str, str]]:
    """Return lines of what packing has changed.

    Args:
        read: how the files are read.
        shapes: rows and columns of each image file.
        size: those of what is packed.
        count: how many images or tiles are packed.
        beyond: share of each image's values that lie beyond the range.
        vanished: images whose labels are lost by resizing.
    """
    said = []
    if read.tiles:
        said.append(("tiles", f"{count} of {size[0]} x {size[1]} from {len(shapes)} images"))
    elif text := resizing(shapes, size):
        said.append(("resized", text))
    if read.range:
        low, high = read.range
        share = 100 * sum(beyond) / len(beyond)
        said.append(("range", f"{low:g} to {high:g} become 0 to 255; {share:.2g} % of the values lie beyond"))
    if vanished:
        some = ", ".join(item.image for item in vanished[:4]) + (", ..." if len(vanished) > 4 else "")
        said.append(("masks lost by resizing", f"{len(vanished)} ({some})"))
    return said
