"""The example of a real CT, on a small body of waves."""

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume

EXAMPLES = ["body_ct"]
CONFIG = """
overrides: {sr4zct: {train: {steps: 4, epoch_steps: 2, batch: 1}}}
"""


def make(place):
    """Write one CT."""
    z, y, x = np.mgrid[:28, :36, :36]
    body = ((y - 18) / 15) ** 2 + ((x - 18) / 16) ** 2 < 1
    volume = np.where(body, 40 + 200 * np.sin(0.9 * z) * np.cos(0.7 * x) * np.sin(0.8 * y), -1000)
    file = place / "real/body_ct/example_ct_sm.nii.gz"
    write_volume(file, volume.transpose(2, 1, 0).astype(np.int16), np.diag([3.0, 3.0, 3.0, 1]))
