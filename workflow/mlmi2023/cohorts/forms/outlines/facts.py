"""What a packed cohort of outlines says of itself on pages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.outlines.options import Read


def facts_of(rows: Sequence[Mapping[str, Any]], classes: Sequence[str], read: Read) -> list[tuple[str, str]]:
    """Return lines of what and how much there is.

    Args:
        rows: of ``cohort.json``, with ``rows``, ``columns`` and ``shares``.
        classes: names of the labels 1, 2, ...
        read: how the files were read.
    """
    counts = Counter(row["split"] for row in rows)
    shapes = sorted({(row["rows"], row["columns"]) for row in rows})
    ends = " to ".join(f"{a} x {b}" for a, b in dict.fromkeys((shapes[0], shapes[-1])))
    found = [
        ("images", ", ".join(f"{count} {split}" for split, count in counts.items())),
        ("size", f"{ends}, {'grey' if read.grey else 'RGB'}"),
    ]
    if read.objects:
        images = len({row.get("group", row["subject"]) for row in rows})
        found.append(("objects", f"{len(rows)} cut out of {images} images"))
    for number, text in enumerate(classes):
        own = 100 * np.array([row["shares"][number] for row in rows])
        lacking = int((own == 0).sum())
        said = f"median {np.median(own):.1f} %, from {own.min():.1f} to {own.max():.1f} %"
        found.append((f"share of {text}", said + (f"; {lacking} images have none" if lacking else "")))
    return found
