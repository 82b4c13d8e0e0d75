"""The stand-in with few patients, narrow networks, two steps."""

from pathlib import Path

CONFIG = """
cohorts:
  abdomens_tiny:
    like: abdominal_objects
    subjects: {train: 1, val: 1, test: 2}
    options: {pixel: 6.0, fine: {in_plane: 1, z: 6.0}, thickness: [6.0]}
overrides:
  pe_med:
    datasets:
      synapse:
        cohort: abdomens_tiny
        task: {size: [32, 32], least: 4, held: 6, tested: 10, clicks: {most: 6, radius: 2}, shapes: 6}
        methods: [unet, grabcut, isegformer, sam, pe_med, background, truth]
      ol12: null
    methods:
      unet: {net: {features: [4, 4, 4, 4, 4, 4]}}
      isegformer: {net: {width: 8, depths: [1, 1, 1, 1], heads: [1, 1, 2, 2], window: 4, decoder: 8}}
      sam: {net: {side: 64, hidden: 16, layers: 1, heads: 2, window: 2, everywhere: [0], width: 32, mlp: 16}}
      pe_med:
        net: {dims: [8, 8, 16, 16], depths: [1, 1, 1, 1], heads: [1, 1, 2, 2], width: 8, reduction: 2}
    train: {steps: 2, epoch_steps: 1, batch: 2, warmup: 0}
    figures:
      fig3: {methods: [unet, grabcut, pe_med]}
      fig4b: {methods: [pe_med, isegformer]}
      fig_learning: {methods: [unet, sam, pe_med]}
"""


def make(place: Path) -> None:
    """Write nothing: the scans are simulated."""
