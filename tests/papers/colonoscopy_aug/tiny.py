"""The stand-in with few and small frames, one centre left out."""

from pathlib import Path

CONFIG = """
cohorts:
  colonoscopy_tiny:
    like: colonoscopy_centres
    subjects: {centre1: 3, centre2: 3, centre3: 2, centre4: 0, centre5: 0, centre6: 0}
    options: {size: 32}
overrides:
  colonoscopy_aug:
    datasets:
      polypgen:
        cohort: colonoscopy_tiny
        methods: [classifier, unet, unet_p40, unet_p60, unet_aug, unet_aug_test, sdnet, background, truth]
    methods:
      classifier: {net: {widths: [4, 4, 4, 4], stride: 1}, train: {steps: 4, epoch_steps: 2, batch: 4}}
      unet: {net: {widths: [4, 4, 4, 4, 4]}}
      unet_p40: {net: {widths: [4, 4, 4, 4, 4]}}
      unet_p60: {net: {widths: [4, 4, 4, 4, 4]}}
      unet_aug: {uses: [unet_p40, unet_p60], candidates: {unet_p50: null}}
      unet_aug_test: {uses: [unet_p40, unet_p60], candidates: {unet_p50: null}}
      sdnet: {net: {widths: [4, 4, 4, 4, 4]}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures:
      fig3: {methods: [classifier, sdnet]}
      fig4: {methods: [unet, unet_aug, sdnet]}
      fig_learning: {methods: [unet, sdnet]}
"""


def make(place: Path) -> None:
    """Write nothing: the frames are simulated."""
