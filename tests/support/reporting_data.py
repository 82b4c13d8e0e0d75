"""A small made-up paper and its values, for the tests of reporting."""

import copy
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from mlmi2023.core.files import write_json
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


RNG = np.random.default_rng(1)
BASE = RNG.normal(0.6, 0.05, 6)
VALUES = {
    "a": BASE + 0.2 + RNG.normal(0, 0.01, (2, 6)),
    "b": BASE + RNG.normal(0, 0.01, (2, 6)),
    "low": [[0.1] * 6],
    "high": [[1.0] * 6],
}


def train_json(folder, **changes):
    path = folder / f"models/{changes.get('method', 'a')}/{changes.get('seed', 0)}/train.json"
    report = {
        "paper": "toy",
        "dataset": "d1",
        "method": "a",
        "seed": 0,
        "fold": 0,
        "stage": "main",
        "steps": 100,
        "seconds": 90.0,
        "steps_per_second": 1.5,
        "samples_per_second": 3.0,
        "peak_memory_mb": 1200.0,
        "device": "cpu",
        "parameters": 1234567,
        "weights_hash": "w",
        "config_hash": "c0ffee",
        "data_hash": "da7a",
        "provenance": {
            "code_version": "abc123",
            "dirty": False,
            "threads": 1,
            "started": "2026-01-01T00:00:00+00:00",
            "packages": {"spam": "2.13.0"},
            "hardware": {"cpu": "some", "cores": 2},
        },
    }
    write_json(path, {**report, **changes})
    return path


class Links(HTMLParser):
    """Collects links and checks that tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found += [(tag, v) for k, v in attrs if k in ("href", "src")]
        if tag not in ("meta", "img", "br", "link", "line", "circle", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "circle", "path"):
            assert self.open.pop() == tag
