"""The stand-in with few patients and thick slices, and some of the rows."""

from pathlib import Path

CONFIG = """
cohorts:
  prostate_lesions_tiny:
    like: prostate_lesions
    subjects: {train: 5, val: 2, test: 3}
    options:
      fine: 3.0
      cancer: {share: 0.7}
      images:
        T2_axial: {pixel: 2.25, thickness: 9.0}
        ADC: {pixel: 3.0, thickness: 9.0}
    read:
      groups:
        - images:
            T2: "a/T2_axial/{subject}.nii.gz"
            ADC: "a/ADC/{subject}.nii.gz"
            gland: "a/gland/{subject}.nii.gz"
          labels: "a/lesions/{subject}.nii.gz"
          split: {train: 5, val: 2, test: 3}
overrides:
  prostate_cancer_ms:
    datasets:
      stanford:
        cohort: prostate_lesions_tiny
        task: {size: [32, 32], pixel: 2.25, folds: 2}
        methods: [br_unet, unet, spcnet, decnet, background, truth]
    methods:
      br_unet: {net: {features: [2, 2, 4, 4, 4, 2]}}
      unet: {net: {features: [2, 2, 4, 4, 4, 2]}}
      spcnet: {net: &net {widths: [2, 2, 4, 4, 4]}}
      decnet: {net: *net}
    train: {steps: 4, epoch_steps: 2, batch: 2}
    figures:
      fig3: {methods: [spcnet, decnet]}
      fig_learning: {methods: [unet, spcnet, decnet]}
"""


def make(place: Path) -> None:
    """Write nothing: the patients are simulated."""
