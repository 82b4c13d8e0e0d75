"""The stand-in with few small glands in three folds, one network with one input and one with five."""

from pathlib import Path

CONFIG = """
cohorts:
  prostate_planes_tiny:
    like: prostate_planes
    subjects: {train: 6, val: 0, test: 0}
    folds: {count: 3, seed: 1}
    options: {fine: 3.5}
    read: {spacing: [5.25, 5.25, 5.25], shape: [16, 16, 16], register: {iterations: 4}}
overrides:
  prostate_mpmri:
    folds: 3
    datasets:
      prostatex:
        cohort: prostate_planes_tiny
        task: {patch: [16, 16, 16], val_share: 0.25}
        methods: [ax, proposed, paired_tests, prior, background, truth]
      prostatex_linear: null
    methods:
      ax: {net: {features: [2, 4], reduction: 2, bins: [2, 1]}}
      proposed: {net: {features: [2, 4], reduction: 2, bins: [2, 1]}}
      paired_tests: {uses: [proposed, ax]}
    train: {steps: 2, epoch_steps: 1, batch: 1, deep: [1.0, 0.5]}
    figures:
      fig_inputs: {methods: [ax, proposed]}
      fig_learning: {methods: [ax, proposed]}
"""


def make(place: Path) -> None:
    """Write nothing: the images are simulated."""
