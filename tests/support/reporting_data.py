"""A small made-up paper and its values, for the tests of reporting."""

import copy

import numpy as np
import pandas as pd

from mlmi2023.core.tidy import COLUMNS
from mlmi2023.reporting.read_reported import parse_reported

PAPER = {
    "slug": "toy",
    "number": 1,
    "title": "A toy <paper>",
    "first_author": "Doe",
    "task": "lesion segmentation",
    "family": "segmentation",
    "doi": "10.1000/toy",
    "datasets": [{"id": "d1", "name": "First"}, {"id": "d2", "name": "Second"}],
    "settings": {"r": [2, 4], "modality": ["t1w", "t2w"]},
    "labels": ["wm", "gm"],
    "methods": [
        {"id": "a", "name": "A", "role": "proposed"},
        {"id": "b", "name": "B", "role": "baseline"},
        {"id": "c", "name": "C", "role": "baseline"},
        {"id": "ref", "name": "Ref", "role": "reference"},
        {"id": "low", "name": "Low", "role": "control", "control": "floor"},
        {"id": "high", "name": "High", "role": "control", "control": "ceiling"},
    ],
    "metrics": [
        {"id": "dice", "name": "Dice", "better": "higher", "unit": "", "decimals": 3},
        {"id": "hd", "name": "HD", "better": "lower", "unit": "mm", "decimals": 1},
        {"id": "params", "name": "Parameters", "better": "lower", "unit": "M", "exact": True},
    ],
    "tables": [
        {
            "id": "table1",
            "about": "The only table",
            "dataset": "d1",
            "columns": ["dice", "hd"],
            "rows": [
                {"method": "b", "values": {"dice": {"mean": 0.80, "sd": 0.1}, "hd": 4.0}},
                {"method": "c", "values": {"dice": 0.70}},
                {"method": "a", "values": {"dice": 0.85, "hd": 3.0}},
            ],
        }
    ],
    "figures": [{"id": "fig1", "shows": "an example"}],
    "claims": [
        {"id": "c1", "says": "A beats B", "check": "dice[a] > dice[b]", "margin": 0.05, "source": "table1"}
    ],
}


def paper(check=None, margin="keep", **changes):
    """The toy paper, with another first check or other keys."""
    content = copy.deepcopy(PAPER)
    if check is not None:
        content["claims"][0].update(check=check)
        content["claims"][0].pop("margin")
    if margin != "keep":
        content["claims"][0]["margin"] = margin
    content.update(changes)
    return parse_reported(content, "toy.yaml")


def frame(values, dataset="d1", metric="dice", label="", setting=""):
    """Tidy rows from {method: array (seeds, cases)}; cases are named case-0 and on."""
    rows = []
    for method, array in values.items():
        for (seed, case), value in np.ndenumerate(np.atleast_2d(np.asarray(array, float))):
            rows.append([dataset, setting, method, seed, 0, f"case-{case}", label, metric, value])
    return pd.DataFrame(rows, columns=COLUMNS)
