"""The example of lung lobes, in three folds of a few dim chests."""

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume

EXAMPLES = ["lung_lobes"]
CONFIG = """
cohorts: {lung_lobes: {folds: {count: 3}}}
overrides:
  relational_unet:
    folds: 3
    datasets: {btcv: {task: {patch: [8, 16, 16], overlap: 0}, methods: [runet, background, truth]}}
    methods: {runet: {net: {features: [4, 8], heads: 2, window: [3, 3, 3]}}}
    train: {steps: 2, epoch_steps: 1}
    figures: {fig3: {methods: [runet]}, fig5: {methods: [runet]}}
"""


def make(place):
    """Write dim chests with five bright lobes, in the folders of the example."""
    for number in range(5):
        shape = (24 + number, 32, 16)
        lobes = np.zeros(shape, np.uint8)
        for value, (x, z) in enumerate(((4, 2), (4, 9), (15, 2), (15, 7), (15, 12)), 1):
            lobes[x : x + 7, 8:24, z : z + 4] = value
        image = 200 - 30.0 * lobes + np.random.default_rng(number).normal(0, 3, shape)
        affine = np.diag([3.9, 3.9, 3.9, 1])
        root = place / "real/lung_mri"
        write_volume(root / f"ProtonImages/000{number}H1.nii.gz", image, affine)
        write_volume(root / f"ProtonLobeMasks/000{number}Lobes.nii.gz", lobes, affine)
