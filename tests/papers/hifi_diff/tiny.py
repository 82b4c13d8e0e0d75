"""The example of left-out slices, on small slabs."""

from slabs import make_slabs as make  # noqa: F401

EXAMPLES = ["brain_slabs_slices"]
CONFIG = """
cohorts:
  brain_slabs_thin:
    split: {train: 2, val: 1, test: 1}
    preprocess: {grid: {shape: [24, 28, 18], spacing: [8.0, 8.0, 1.0], centre: volume}}
overrides:
  hifi_diff:
    datasets:
      # slabs of two structures
      hcp1200: {task: {tissues: {wm: [1], gm: [2]}, segmenter: {features: [4, 4, 4, 8, 8, 4]}}}
    methods:
      segmenter: {train: {steps: 2, epoch_steps: 2, batch: 2}}
      deepresolve: {net: {width: 4, layers: 2}, train: {steps: 2, epoch_steps: 2, crop: 16}}
      metasr: {net: {width: 4, blocks: 1}, train: {steps: 2, epoch_steps: 2, crop: 16}}
      arssr: {net: {width: 4, blocks: 1}, train: {steps: 2, epoch_steps: 2, crop: 16}}
      hifi_diff: {net: &tiny {widths: [8, 8], groups: 4}, sampler: &two {steps: 2}}
      no_hife: {net: *tiny, sampler: *two}
      hifi_apart: {net: *tiny, sampler: *two}
      hifi_steps: {net: *tiny, curve: {rows: 2, steps: [1, 2]}}
    train: {steps: 4, epoch_steps: 2, batch: 2, val_rows: 2}
"""
