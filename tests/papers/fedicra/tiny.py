"""Angiograms of three sites, narrow networks, two rounds."""

from pathlib import Path

CONFIG = """
cohorts:
  angiograms_tiny:
    like: octa_sites
    subjects:
      {siteA_train: 4, siteB_train: 3, siteC_train: 3, siteA_test: 2, siteB_test: 2, siteC_test: 1,
       siteD_train: 0, siteE_train: 0, siteD_test: 0, siteE_test: 0}
    options: {size: 32}
overrides:
  fedicra:
    datasets:
      odoc: null
      faz:
        cohort: angiograms_tiny
        task:
          sites: {siteD: null, siteE: null}
          tree: {grid: 8}
        methods: [fedavg, ft, fedap, metafed, fedicra, aa, ct_full, background, truth]
    methods:
      fedavg: {net: &tiny {features: [4, 4, 8, 8, 8]}}
      ft: {net: *tiny, train: {steps: 2, epoch_steps: 2}}
      fedap: {net: *tiny}
      metafed: {net: *tiny}
      fedicra: {net: *tiny}
      aa: {net: *tiny}
      ct_full: {net: *tiny}
    train: {steps: 4, epoch_steps: 2, round_steps: 2, batch: 2}
    figures:
      fig3: null
      fig4_odoc: null
      fig_labels: null
      fig_learning: null
      fig3_faz: {methods: [fedavg, fedicra, truth]}
      fig_learning_faz: {methods: [fedavg, ft, fedicra]}
"""


def make(place: Path) -> None:
    """Write nothing: the images are simulated."""
