"""Both stand-ins with few and small sequences."""

from pathlib import Path

CONFIG = """
cohorts:
  hearts_tiny:
    like: moving_hearts
    subjects: {train: 2, val: 1, test: 2}
    options: {size: 32, frames: [5, 6], scanner: {samples: 64, beams: 48}}
  hearts_other_tiny:
    like: moving_hearts_other
    subjects: {test: 2}
    options: {size: 32, frames: [5, 6], scanner: {samples: 64, beams: 48}}
overrides:
  echo_myocardium:
    datasets:
      camus: {cohort: hearts_tiny, methods: [u2net, u2net_ssam, ours, background, truth]}
      mindray: {cohort: hearts_other_tiny, methods: [u2net, u2net_ssam, ours, background, truth]}
    methods:
      u2net: {net: {mids: [2, 2, 4, 4, 4, 4], outs: [4, 4, 4, 4, 4, 4], depths: [4, 3, 3, 3]}}
      u2net_ssam: {net: {mids: [2, 2, 4, 4, 4, 4], outs: [4, 4, 4, 4, 4, 4], depths: [4, 3, 3, 3]}}
      ours: {net: {mids: [2, 2, 4, 4, 4, 4], outs: [4, 4, 4, 4, 4, 4], depths: [4, 3, 3, 3]}}
    train: {steps: 4, epoch_steps: 2, batch: 2}
    figures:
      fig3: {methods: [u2net, ours]}
      fig_learning: {methods: [u2net, ours]}
"""


def make(place: Path) -> None:
    """Write nothing: the hearts are simulated."""
