"""The example of slabs, and abdomens of one's own that are aligned first."""

import numpy as np

from mlmi2023.cohorts.formats.volumes import write_volume
from slabs import make_slabs

EXAMPLES = ["brain_slabs_implicit"]
CONFIG = """
cohorts:
  brain_slabs_implicit:
    split: {train: 2, val: 1, test: 2}
    preprocess: {grid: {shape: [46, 54, 10], spacing: [4.0, 4.0, 2.0], centre: volume}}
  own_abdomens:
    kind: folder
    form: aligned_scans
    root: abdomens
    read:
      groups:
        - {image: "img{subject}.nii.gz", labels: "seg{subject}.nii.gz", split: {train: 2, val: 2, test: 2}}
      window: [-500, 800]
      spacing: [12.0, 12.0, 12.0]
      shape: [16, 16, 16]
      align: {spacing: 12.0, iterations: [10], shrink: [1], smooth: [0]}
overrides:
  implicit_reg:
    datasets:
      ixi:
        methods: [affine, vxm_base, vxm_curv, truth]
        train: {steps: 2, epoch_steps: 1}
      amos:
        cohort: own_abdomens
        methods: [affine, vxm_elas, truth]
        task: {settings: {smooth: {max_std_logj: 5.0}}}
        train: {steps: 2, epoch_steps: 1}
    methods:
      vxm_base: &net {net: {down: [4, 4], up: [4, 4], full: [4]}}
      vxm_curv: *net
      vxm_elas: *net
    figures:
      fig1: null
      fig3: &two {methods: [vxm_base, vxm_curv]}
      fig4: *two
"""


def abdomen(number, shape):
    """Two organs in a body that lie a little elsewhere in each subject."""
    rng = np.random.default_rng(number)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    middle, reach = (np.array(shape) - 1) / 2, np.array(shape) / 2
    image = np.full(shape, -1000.0)
    image[(((grid - middle) / (0.9 * reach)) ** 2)[..., :2].sum(-1) < 1] = -100
    labels = np.zeros(shape, np.uint8)
    for value, side in ((1, -0.3), (2, 0.35)):
        at = middle + np.array([side * reach[0], 0, 0]) + rng.uniform(-1, 1, 3)
        inside = (((grid - at) / (0.28 * reach)) ** 2).sum(-1) < 1
        image[inside], labels[inside] = 150 * value - 100, value
    return image + rng.normal(0, 5, shape), labels


def make(place):
    """Write the slabs, and abdomens of other sizes."""
    make_slabs(place)
    for number in range(1, 7):
        image, labels = abdomen(number, (30 + number, 28, 26))
        affine = np.diag([6.0, 6.0, 6.0, 1.0])
        write_volume(place / f"abdomens/img{number}.nii.gz", image.astype(np.int16), affine)
        write_volume(place / f"abdomens/seg{number}.nii.gz", labels, affine)
