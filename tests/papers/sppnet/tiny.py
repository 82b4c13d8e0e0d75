"""The stand-in with few small tiles, narrow networks, two steps."""

from pathlib import Path

CONFIG = """
cohorts:
  nuclei_tiny:
    like: nuclei_organs
    subjects: {train: 4, val: 2, test: 3}
    options: {size: 64, pixel: 0.4}
overrides:
  sppnet:
    datasets:
      monuseg:
        cohort: nuclei_tiny
        task: {size: [16, 16], costs: 2, redraws: 5, shapes: 6}
        methods: [unet, sam_base, mobile_sam, sam_ft, sam_tinyvit_cnps, sppnet, otsu, background, truth]
    methods:
      unet: {net: {features: [4, 4, 4, 4, 4, 4]}}
      sam_base:
        net: &sam
          width: 32
          mlp: 32
          heads: 2
          encoder: {hidden: 16, layers: 1, heads: 2, window: 2, everywhere: [0]}
      mobile_sam:
        net: &small
          width: 32
          mlp: 32
          heads: 2
          encoder: {widths: [4, 8, 8, 8], depths: [1, 1, 1, 1], heads: [1, 2, 2, 2], windows: [2, 2, 4, 2]}
        teacher: *sam
      sam_ft: {net: *sam, printed: {encoder: {hidden: 64, layers: 2, heads: 4, everywhere: [1]}}}
      sam_tinyvit_cnps: {net: *small}
      sppnet: {net: *small}
    train: {steps: 2, epoch_steps: 1, batch: 2}
    figures:
      fig4a: {methods: [unet, sppnet]}
      fig4b: {methods: [sppnet, sam_ft]}
      fig5: {methods: [unet, sam_ft, sppnet]}
      fig_learning: {methods: [unet, sppnet]}
"""


def make(place: Path) -> None:
    """Write nothing: the tiles are simulated."""
