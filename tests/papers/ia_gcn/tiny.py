"""A table of the user's own."""

import csv

CONFIG = """
cohorts:
  visits:
    kind: folder
    form: table
    root: table
    read: {file: visits.csv, subject: id, target: stage, drop: [site], classes: {stage: [well, unsure, ill]}}
    folds: {count: 2, seed: 1}
overrides:
  ia_gcn:
    train: {steps: 4, epoch_steps: 2}
    datasets:
      tadpole:
        cohort: visits
        task: {target: stage, select: 2}
        methods: [majority, lc, dgm, ia_gcn, truth]
      ukbb_sex: null
      ukbb_age: null
    figures: {fig_mask_ukbb_sex: null, fig_mask_ukbb_age: null}
"""


def make(place):
    """Write 36 visits; one has a value missing."""
    stages = ["well", "unsure", "ill"]
    rows = [["id", "site", "a", "b", "c", "stage"]]
    rows += [[f"s{i:02d}", "x", i % 3 + i / 100, i, i % 7, stages[i % 3]] for i in range(36)]
    rows[5][3] = ""
    (place / "table").mkdir()
    with open(place / "table/visits.csv", "w", newline="") as stream:
        csv.writer(stream).writerows(rows)
