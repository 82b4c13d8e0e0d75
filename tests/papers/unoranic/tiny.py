"""Some simulated images, networks of a few channels, some rows of each dataset."""

CONFIG = """
cohorts:
  tiny_cells:
    like: thumbnail_cells
    subjects: {train: 32, val: 16, test: 16}
  tiny_lungs:
    like: thumbnail_lungs
    subjects: {train: 24, val: 12, test: 12}
overrides:
  unoranic:
    datasets:
      blood:
        cohort: tiny_cells
        methods: [resnet18, ae, unoranic, input, guess, truth]
      pneumonia:
        cohort: tiny_lungs
        task: {unseen: {kinds: [shot_noise, speckle_noise, fog, jpeg], images: 10}}
        methods: [resnet18, unoranic, guess, truth]
    methods:
      unoranic: &tiny {net: {width: 2}, stages: {main: {steps: 4, epoch_steps: 2}}}
      ae: *tiny
      resnet18: {blocks: [1, 1, 1, 1], width: 2, train: {batch: 8, steps: 4, epoch_steps: 2}}
    train: {steps: 4, epoch_steps: 2, batch: 8}
    figures:
      fig3_pneumonia: null
      fig_corruptions_pneumonia: null
      fig4: {methods: [input, unoranic]}
      fig5: {methods: [unoranic, resnet18]}
      fig_learning: {methods: [unoranic, resnet18]}
"""


def make(place):
    """The workflow simulates the data."""
