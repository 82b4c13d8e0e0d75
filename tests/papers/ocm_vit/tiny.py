"""The stand-in with few and small images, and some of the rows."""

from pathlib import Path

CONFIG = """
cohorts:
  fibres_tiny:
    like: fibre_bundles
    subjects: {pool: 16, train: 4, val: 2, test: 3}
    options: {size: 32}
    read: {tophat: {radius: 3}}
overrides:
  ocm_vit:
    datasets:
      ocm_wm:
        cohort: fibres_tiny
        methods: [pgt_unet, ours_unsup, ours_semisup, vit_ft, unet_100, unet_10, dino, stego, otsu,
                  ours_blend, mask50_8, background, truth]
    methods:
      ours_unsup: {train: {steps: 4, epoch_steps: 2, warmup: 0, batch: 4}}
      mask50_8:
        net: {width: 32, layers: 2, heads: 2, mlp: 64}
        train: {steps: 4, epoch_steps: 2, warmup: 0, batch: 4, learning_rate: 0.002}
      ours_semisup: {uses: [ours_unsup, mask50_8]}
      dino: {train: {steps: 4, epoch_steps: 2, warmup: 0, batch: 4}}
      stego: {points: 8, train: {steps: 4, epoch_steps: 2, batch: 4}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures:
      fig3: {methods: [otsu, ours_unsup, pgt_unet]}
      fig_grid: {methods: [ours_unsup, ours_semisup, mask50_8]}
      fig_labels: {methods: [unet_10, unet_100, pgt_unet, ours_unsup]}
"""


def make(place: Path) -> None:
    """Write nothing: the images are simulated."""
