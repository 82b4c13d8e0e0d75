"""Simulated eyes of 32 x 32, transformers of a few channels, and three of the data sets."""

CONFIG = """
cohorts:
  tiny_fundus:
    like: fundus_domains
    subjects: {aptos: 8, eyepacs: 8, messidor: 8, messidor2: 8}
    options: {size: 32}
overrides:
  clip_dr:
    datasets:
      aptos:
        cohort: tiny_fundus
        task: &tiny {pictures: {train: 32, val: 16}}
        methods: [erm_resnet50, erm_vit, zs_clip, zs_vbp, naive_clip, naive_vbp, cooplvt, cooplvt_released,
                  majority, truth]
        method_options:
          erm_resnet50: {stages: {encoder: &brief {steps: 4, epoch_steps: 2, batch: 8}}}
          erm_vit: {stages: {encoder: *brief}}
          zs_clip: {stages: {clip: *brief}}
          zs_vbp: {stages: {text: *brief}}
          zs_vbs: {stages: {text: *brief}}
      eyepacs:
        cohort: tiny_fundus
        task: *tiny
        methods: [erm_vit, zs_clip, naive_clip, cooplvt, majority, truth]
      only_eyepacs: {cohort: tiny_fundus, task: *tiny, methods: [naive_clip, cooplvt, majority, truth]}
      messidor: null
      messidor2: null
      only_aptos: null
      only_messidor: null
      only_messidor2: null
    methods:
      erm_resnet50: {net: {widths: [4, 4, 8, 8]}}
      erm_vit: {net: &vit {width: 16, layers: 1, heads: 2, mlp: 16}}
      zs_clip: {net: &clip {vision: *vit, text: {width: 16, layers: 1, heads: 2, mlp: 16}, projection: 8}}
      zs_vbp: {net: *clip, reader: &reader {width: 16, layers: 1, heads: 2, mlp: 16}}
      zs_vbs: {net: *clip, reader: *reader}
      linear_probe: {net: *clip}
      naive_clip: {net: *clip}
      naive_adjusted: {net: *clip}
      naive_vbp: {net: *clip, reader: *reader}
      cooplvt: {net: *clip, hidden: [16]}
      cooplvt_released: {net: *clip, hidden: [16]}
    train: {steps: 4, epoch_steps: 2, batch: 2}
    figures:
      fig_confusion: {methods: [naive_clip, cooplvt]}
      fig_learning: {methods: [erm_vit, naive_clip, cooplvt]}
"""


def make(place):
    """The workflow simulates the data."""
