"""Both stand-ins with few heads on coarse voxels."""

from pathlib import Path

CONFIG = """
cohorts:
  gliomas_tiny:
    like: gliomas
    subjects: {train: 3, val: 1, test: 2}
    options: {brain: {spacing: 8.0, fov: [128, 192, 128]}}
  gliomas_mgmt_tiny:
    like: gliomas_mgmt
    subjects: {all: 10}
    folds: {count: 2, seed: 1}
    options: {brain: {spacing: 8.0, fov: [128, 192, 128]}}
    read: {shape: [16, 24, 16]}
overrides:
  magnet:
    datasets:
      brats2018:
        cohort: gliomas_tiny
        task: {size: [16, 24, 16], validated: [t1c]}
        methods: [u_hved, acn, magnet, background, truth]
      brats2021:
        cohort: gliomas_mgmt_tiny
        task: {settings: [t1c, flair+t1+t1c+t2], held: 0.4}
        methods: [eff3d, magnet, observer, majority, truth]
        train: {steps: 2, epoch_steps: 1, batch: 2}
    methods:
      u_hved: {widths: [2, 4]}
      acn: {widths: [2, 4], critics: 2, subsets: [t1c]}
      magnet: {net: {features: 2, hidden: 12, mlp: 16, heads: 2}, correlation: {widths: [8, 8, 4]}}
    train: {steps: 4, epoch_steps: 2, batch: 2}
    figures:
      fig_subsets: {methods: [u_hved, magnet]}
      fig_learning: {methods: [u_hved, magnet]}
"""


def make(place: Path) -> None:
    """Write nothing: the heads are simulated."""
