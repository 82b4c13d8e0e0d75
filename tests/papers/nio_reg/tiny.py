"""The example of slabs, without NiftyReg's executables."""

from slabs import make_slabs as make  # noqa: F401

EXAMPLES = ["brain_slabs_nio"]
CONFIG = """
cohorts:
  brain_slabs_grid:
    split: {train: 2, val: 2, test: 3}
    preprocess: {grid: {shape: [32, 40, 16], spacing: [5.0, 5.0, 1.0], centre: volume}}
overrides:
  nio_reg:
    datasets:
      lpba_to_lpba: {methods: [initial, niftyreg, lapirn, nio, nio_m, truth]}
    methods:
      lapirn: {net: &tiny {channels: 4, blocks: 1, code: 8}}
      nio: {net: *tiny, iterations: [0, 0, 2]}
      nio_m: {net: *tiny, iterations: [2, 1, 1]}
      niftyreg: {folder: nowhere}
    train: {steps: 6, epoch_steps: 2, level_steps: [2, 2], freeze_steps: 1}
"""
