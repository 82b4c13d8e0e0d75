"""The example of nuclei, on a few small images."""

from discs import make_discs as make  # noqa: F401

EXAMPLES = ["nuclei", "nuclei_fet"]
CONFIG = """
cohorts: {nuclei: {split: {train: 8, val: 2, test: 4}, read: {size: [32, 32]}}}
overrides:
  fine_grained_wavelet:
    datasets: {isic2018: {task: {size: [32, 32]}, methods: [fet_nobridge, fet, background, truth]}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures: {fig_lesions: {methods: [fet]}}
"""
