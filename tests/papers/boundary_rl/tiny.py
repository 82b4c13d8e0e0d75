"""The stand-in with few and small images."""

from pathlib import Path

CONFIG = """
cohorts:
  prostate_tiny:
    like: prostate_trus
    subjects: {train: 3, val: 1, test: 1}
    options: {size: 32, frames: 2}
overrides:
  boundary_rl:
    datasets:
      trus_trials:
        cohort: prostate_tiny
        task:
          patch: 16
          patches: {train: 40, val: 20, test: 20}
          walk: {step: 3, most: 8, episodes: 4, labelled: 4}
        methods:
          - classifier
          - boundary_rl
          - boundary_rl_shifted
          - random_walk
          - straight_walk
          - mil_p
          - mil_s
          - fsl
          - paired_tests
          - background
          - truth
    methods:
      classifier: {net: {width: 0.25, depth: 0.25, stages: 2}, train: {steps: 4, epoch_steps: 2, batch: 4}}
      boundary_rl:
        net: {channels: [4, 4, 4], hidden: [8, 8]}
        train: {steps: 8, epoch_steps: 4, ppo: {walkers: 4, horizon: 8, minibatch: 16, passes: 2}}
      mil_p: {net: {features: [4, 4, 4, 4, 4, 4]}}
      fsl: {net: {features: [4, 4, 4, 4, 4, 4]}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures:
      fig_points: {methods: [boundary_rl, straight_walk]}
      fig_looks: {methods: [boundary_rl, random_walk, mil_p, mil_s, fsl]}
      fig_learning: {methods: [classifier, boundary_rl, mil_p, fsl]}
"""


def make(place: Path) -> None:
    """Write nothing: the images are simulated."""
