"""Small folders of photographs with masks, good and bad, for the form ``images``."""

import numpy as np
from PIL import Image

from mlmi2023.cohorts.forms.images import form
from mlmi2023.cohorts.forms.images.reader import open_images

SUBJECTS = [f"s{number}" for number in range(6)]
SPLIT = {"train": 3, "val": 1, "test": 2}
READ = {"images": "p/{subject}.*", "masks": "m/{subject}.*"}


def disc(size=20, radius=6):
    """A disc in the middle of a square."""
    y, x = np.mgrid[:size, :size]
    return (x - size / 2) ** 2 + (y - size / 2) ** 2 < radius**2


def photo(number=0, size=20):
    """A bright disc on a slope, 30 to 200."""
    slope = np.linspace(30, 90, size * size).reshape(size, size) + number
    return np.where(disc(size, 0.3 * size), 200, slope).astype(np.uint8)


def write(path, array, **how):
    """Write an array, or a picture, in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path, **how)


def folder(root):
    """Write six photographs ``p/s0.png`` and masks ``m/s0.png``."""
    for number, subject in enumerate(SUBJECTS):
        write(root / f"p/{subject}.png", photo(number))
        write(root / f"m/{subject}.png", disc().astype(np.uint8) * 255)
    return root


def replace(root, name, array, **how):
    """Put a picture in the place of ``m/s1``, say, whatever its ending was, and of all where it ends on *."""
    place, stem = name.rsplit("/", 1)
    kind = how.pop("kind", "png")
    for subject in SUBJECTS if stem == "*" else [stem]:
        for old in (root / place).glob(f"{subject}.*"):
            old.unlink()
        write(root / place / f"{subject}.{kind}", array, **how)


def packed(root, read=None, **more):
    """Pack a folder, and open what is packed."""
    config = {"kind": "folder", "form": "images", "read": {**READ, **(read or {})}, "split": SPLIT, **more}
    config = {key: value for key, value in config.items() if value is not None}
    form.pack(config, root, root / "packed", "mine")
    return open_images(root / "packed")
