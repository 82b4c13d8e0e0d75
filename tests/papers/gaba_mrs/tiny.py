"""Simulated scans of few points and transients, and networks of a few filters."""

from pathlib import Path

CONFIG = """
cohorts:
  mega_press_tiny:
    like: mega_press
    subjects: {train: 3, val: 2, test: 5}
    options: {points: 256, sites: 2, pairs: 16}
overrides:
  gaba_mrs:
    datasets:
      biggaba:
        cohort: mega_press_tiny
        task: {pairs: 13, val_batch: 1, simulated: {pairs: 4}}
        methods: [gannet_full, gannet_quarter, unet1d_sub, unet1d_diff, rdc_diff, rdc_diff_ft, rdc_diff_sim,
                  mean_target, flat, truth]
      quality: {cohort: mega_press_tiny}
    methods:
      unet1d_sub: {net: &flat {widths: [4, 8]}}
      unet1d_diff: {net: *flat}
      rdc_diff: {net: &rdc {filters: 2, widths: [4, 4]}}
      rdc_diff_ft: {net: *rdc}
      rdc_diff_sim: {net: *rdc}
    train: {steps: 4, epoch_steps: 2, batch: 2}
    figures:
      fig4: {methods: [gannet_full, gannet_quarter, rdc_diff_ft]}
      fig_truth: {methods: [gannet_full, unet1d_diff, rdc_diff, mean_target]}
      fig_learning: {methods: [unet1d_diff, rdc_diff, rdc_diff_ft, rdc_diff_sim]}
"""


def make(place: Path) -> None:
    """Write nothing: the scans are simulated."""
