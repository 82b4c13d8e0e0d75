"""Simulated exams of a few voxels, a backbone of a few channels, and one fused method."""

import yaml

from pecon_data import CONFIG as COHORT
from pecon_data import NET, SCAN

BRIEF = {"steps": 4, "epoch_steps": 2, "batch": 12}
EXPLAIN = {"stages": 1, "tolerance": 1}
METHODS = ["penet", "elasticnet", "radfusion", "pecon", "prevalence", "truth"]
CONFIG = yaml.safe_dump(
    {
        "cohorts": {"tiny_exams": COHORT},
        "overrides": {
            "pecon": {
                "datasets": {
                    "radfusion": {
                        "cohort": "tiny_exams",
                        "methods": METHODS,
                        "task": {"scan": SCAN, "selection": {"c": 1.0}},
                    }
                },
                "methods": {
                    "penet": {"net": NET, "train": BRIEF, "views": 2, "explain": EXPLAIN},
                    "pecon": {"stages": {"pretrain": BRIEF, "finetune": BRIEF}, "explain": EXPLAIN},
                },
                "figures": {
                    "fig2": {"methods": ["penet", "pecon"]},
                    "fig_lambda": {"methods": ["radfusion", "pecon"]},
                },
            }
        },
    }
)


def make(place):
    """The workflow simulates the data."""
