"""Photographs of bright discs with masks, in the folders of the example of nuclei."""

import numpy as np
from PIL import Image


def make_discs(place, count=14):
    """Write ``count`` images and masks, unless they are there."""
    root = place / "data/nuclei_dsb96"
    if root.exists():
        return
    for folder in ("images", "masks/0"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    for number in range(count):
        centre = rng.uniform(30, 66, 2)
        mask = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 18**2
        image = (40 + 120 * mask + rng.normal(0, 8, mask.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(np.stack([image] * 3, -1)).save(root / f"images/n{number:02d}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(root / f"masks/0/n{number:02d}.png")
