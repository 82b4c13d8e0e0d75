"""T1 slabs with two structures, in the folder of the examples of slabs."""

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume


def slab(number):
    """A brain of two structures that lie a little elsewhere in each subject."""
    rng = np.random.default_rng(number)
    shape = (91, 108, 18)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    middle = (np.array(shape) - 1) / 2
    image, labels = np.zeros(shape), np.zeros(shape, np.uint8)
    image[(((grid - middle) / (0.45 * np.array(shape))) ** 2)[..., :2].sum(-1) < 1] = 300
    for value, side in ((1, -18), (2, 18)):
        at = middle + np.array([side, 0, 0]) + rng.uniform(-4, 4, 3) * (1, 1, 0)
        inside = (((grid - at) / (10, 14, 30)) ** 2).sum(-1) < 1
        image[inside], labels[inside] = 300 + 200 * value, value
    return image + rng.normal(0, 8, shape), labels


def make_slabs(place, count=30):
    """Write ``count`` subjects, unless they are there."""
    root = place / "real/brain_t1_slabs"
    if root.exists():
        return
    for number in range(1, count + 1):
        image, labels = slab(number)
        for name, array in ((f"ilist{number}", image.astype(np.int16)), (f"slist{number}", labels)):
            write_volume(root / f"{name}.nii.gz", array, np.diag([2.0, 2.0, 1.0, 1.0]))
