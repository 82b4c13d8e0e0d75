"""The example of nuclei, on a few small images."""

from discs import make_discs as make  # noqa: F401

EXAMPLES = ["nuclei"]
CONFIG = """
cohorts: {nuclei: {split: {train: 8, val: 2, test: 4}, read: {size: [32, 32]}}}
overrides:
  skin_transformer:
    datasets: {isic2018: {task: {size: [32, 32]}, methods: [no_iscf, iscf, background, truth]}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures: {fig3: {methods: [no_iscf, iscf]}, fig_protocol: {methods: [iscf]}, fig_size: {methods: [iscf]}}
"""
