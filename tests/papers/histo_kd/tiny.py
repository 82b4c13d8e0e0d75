"""Simulated patches of 32 x 32, networks of a few channels, some rows of each dataset."""

CONFIG = """
cohorts:
  tiny_pairs:
    like: tissue_pairs
    subjects: {train: 2, val: 1, test: 1}
    options: {size: 32, pixel: 1.5}
  tiny_patches:
    like: tissue_patches
    subjects: {train: 2, val: 1, test: 1}
    options: {size: 32, pixel: 1.5}
overrides:
  histo_kd:
    datasets:
      shift:
        cohort: tiny_pairs
        methods: [vicreg_asym, simclr_sym_shared, majority, truth]
      he_if:
        cohort: tiny_patches
        task: {kept: {batches: 2, size: 8}}
        methods: [vicreg_asym, vicreg_sym_shared, vicreg_asym_again, vicreg_sym_shared_again, cka_vicreg,
                  unet_translation, untrained, majority, truth]
      crop: null
      down: {cohort: tiny_patches, methods: [simclr_asym, supervised, majority, truth]}
      mask:
        cohort: tiny_patches
        methods: [vicreg_asym, vicreg_asym_shared, supervised, supervised_transfer, majority, truth]
      he: {cohort: tiny_patches, methods: [vicreg_asym, majority, truth]}
    methods:
      vicreg_asym: &joint
        net: {width: 4, expander: 8}
        stages: {main: &probe {steps: 4, epoch_steps: 2}}
      vicreg_asym_shared: *joint
      vicreg_sym: *joint
      vicreg_sym_shared: *joint
      simclr_asym: *joint
      simclr_asym_shared: *joint
      simclr_sym: *joint
      simclr_sym_shared: *joint
      vicreg_asym_twice: *joint
      vicreg_asym_again: *joint
      vicreg_sym_shared_again: *joint
      unet_translation: {net: {features: [4, 4, 4, 8, 8, 4]}, stages: {main: *probe}}
      supervised: {net: {width: 4}, train: {steps: 4, epoch_steps: 2}}
      supervised_transfer: {net: {width: 4}, stages: {main: *probe}}
      untrained: {net: {width: 4}, stages: {main: *probe}}
    train: {steps: 4, epoch_steps: 2, batch: 8}
    figures:
      fig2: {methods: [vicreg_asym]}
      fig2_masks: {methods: [vicreg_asym, vicreg_asym_shared]}
      fig_learning: {methods: [vicreg_asym, simclr_sym_shared]}
"""


def make(place):
    """The workflow simulates the data."""
