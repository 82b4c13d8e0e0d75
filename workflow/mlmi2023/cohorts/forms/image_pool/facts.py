"""What a packed cohort with a pool says of itself on pages."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mlmi2023.cohorts.forms.image_pool.options import Read


def facts_of(
    inputs: np.ndarray, masks: np.ndarray, splits: Sequence[str], classes: Sequence[str], read: Read
) -> list[tuple[str, str]]:
    """Return lines of what and how much there is.

    Args:
        inputs: (N, H, W) uint8, what networks see.
        masks: (N, H, W) uint8.
        splits: of each image.
        classes: names of the labels 1, 2, ...
        read: how files were read.
    """
    counts = Counter(splits)
    sides: dict[str, set[str]] = {}
    for image, split in zip(inputs, splits):
        sides.setdefault(hashlib.sha256(image.tobytes()).hexdigest(), set()).add(split)
    twice = sum(len(found) > 1 for found in sides.values())
    shares = 100 * np.array([(mask > 0).mean() for mask, split in zip(masks, splits) if split != "pool"])
    how = read.tophat
    return [
        ("images", ", ".join(f"{count} {split}" for split, count in counts.items())),
        ("size", f"{inputs.shape[1]} x {inputs.shape[2]}, {read.colour}"),
        (
            "networks see",
            f"a blur of {how.blur:g} and a top-hat of radius {how.radius} pixels" if how else "the images",
        ),
        (
            f"share of {classes[0]}",
            f"median {np.median(shares):.1f} %, from {shares.min():.1f} to {shares.max():.1f} %",
        ),
        ("same image in two splits", f"{twice} images" if twice else "none"),
    ]
