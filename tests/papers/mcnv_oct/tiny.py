"""Both stand-ins with few and small B-scans."""

from pathlib import Path

CONFIG = """
cohorts:
  oct_mcnv_tiny:
    like: oct_mcnv
    subjects: {train: 2, val: 1, test: 2}
    options: {size: 32, scans: 2}
  oct_dme_tiny:
    like: oct_dme
    subjects: {train: 2, val: 1, test: 2}
    options: {size: 32, scans: 2}
overrides:
  mcnv_oct:
    datasets:
      mcnv: {cohort: oct_mcnv_tiny, task: {size: [32, 32]}, methods: [unet, e3, proposed, background, truth]}
      duke:
        cohort: oct_dme_tiny
        task: {size: [32, 32]}
        methods: [unet, proposed, proposed_leaky, background, truth]
    methods:
      unet: {net: {features: [4, 4, 4, 8, 8, 4]}}
      e3: {net: &net {features: [4, 6, 8], widths: [4, 6, 8, 12], heads: [1, 1, 2, 2]}}
      proposed: {net: *net}
      proposed_leaky: {net: *net}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures:
      fig4_mcnv: {methods: [unet, proposed]}
      fig4_duke: {methods: [unet, proposed]}
      fig_pairs: {methods: [unet, e3, proposed]}
      fig_protocol: {methods: [proposed, proposed_leaky]}
"""


def make(place: Path) -> None:
    """Write nothing: the B-scans are simulated."""
