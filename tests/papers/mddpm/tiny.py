"""The example of slabs: healthy heads alone, with anomalies put in."""

from slabs import make_slabs as make  # noqa: F401

EXAMPLES = ["brain_slabs_mddpm"]
CONFIG = """
cohorts:
  brain_slabs_t1:
    split: {train: 3, val: 2, test: 3}
    preprocess: {grid: {shape: [32, 40, 6], spacing: [6.0, 6.0, 3.0]}}
overrides:
  mddpm:
    datasets:
      ixi: {task: {val_slices: 6, batch: 8}, methods: [dae, fanogan, mddpm_fpmcm, noise, truth]}
      brats21:
        task: {thresholds: 8, batch: 8}
        methods: [dae, fanogan, mddpm_fpmcm, intensity, noise, truth]
    methods:
      dae: {net: {features: [4, 4, 8, 8, 8, 4]}}
      fanogan: {net: {channels: [4, 8], latent: 8}, critics: 1}
      mddpm_fpmcm: {net: {channels: [8, 8], head: 8}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures:
      fig3: {methods: [mddpm_fpmcm]}
      fig_threshold: {methods: [dae, mddpm_fpmcm]}
      fig_learning: {methods: [dae, mddpm_fpmcm]}
"""
