"""The stand-in with few and small images, and some of the rows."""

from pathlib import Path

CONFIG = """
cohorts:
  xrays_tiny:
    like: xray_reports
    subjects: {train: 16, val: 4, test: 12}
    options: {size: 36}
overrides:
  cxr_tokens:
    datasets:
      mimic_cxr:
        cohort: xrays_tiny
        task: {size: 32, least: 1, lengths: {report: 10, triples: 12, indication: 6}, val_images: 3, beams: 2}
        methods: [detector, naive_detector, atok_te, naive_te, r2gen, r2gencmn, rgrg, atok_te_rg, naive_atok,
                  true_triples, mean_boxes, normal, truth]
    methods:
      detector: &boxes
        net: {width: 4, pyramid: 8, hidden: 16, bins: 3, proposals: 16, cut: 0.0}
        train: {steps: 2, epoch_steps: 1, batch: 4}
      naive_detector: *boxes
      r2gen: {train: {steps: 2, epoch_steps: 1}}
    train: {steps: 2, epoch_steps: 1, batch: 4}
    figures:
      fig2: {methods: [naive_atok, atok_te_rg]}
      fig_findings: {methods: [naive_atok, atok_te_rg]}
      fig_learning:
        methods: [detector, naive_detector, atok_te, naive_te, r2gen, r2gencmn, rgrg, atok_te_rg, naive_atok]
"""


def make(place: Path) -> None:
    """Write nothing: the studies are simulated."""
