"""Impossible pairs of Dice and IoU; what the paper's file says of them."""

import numpy as np
import pytest

from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.segmentation import Counts, pooled, rates
from mlmi2023.papers.mcnv_oct.pairs import gap, impossible, least_iou, printed
from preflight_root import ROOT

REPORTED = read_yaml(ROOT / "resources/papers/mcnv_oct.yaml")


def test_the_least_iou_by_hand():
    assert (
        least_iou(80.0) == pytest.approx(66.6667, abs=1e-4) and least_iou(100.0) == 100 and least_iou(0) == 0
    )
    assert gap(80.0, 66.0) == pytest.approx(-0.6667, abs=1e-4)
    assert impossible(91.52, 82.52) and not impossible(89.82, 81.51)
    # what rounding may have done is granted
    assert not impossible(80.0, 66.66) and impossible(80.0, 66.65)


def test_no_averaging_of_masks_lies_below():
    rng = np.random.default_rng(0)
    for _ in range(200):
        images = [Counts(*(int(n) for n in rng.integers(1, 400, 3)), 9000) for _ in range(rng.integers(1, 9))]
        alone = [rates(image) for image in images]
        dice, iou = (100 * np.mean([image[rate] for image in alone]) for rate in ("dice", "iou"))
        whole = pooled(images)
        assert gap(dice, iou) >= -1e-9
        assert gap(100 * whole["dice"], 100 * whole["iou"]) == pytest.approx(0, abs=1e-9)


def test_the_printed_rows_that_cannot_be():
    rows = printed(REPORTED)
    assert len(rows) == 15
    assert {(row.dataset, row.method) for row in rows if impossible(row.dice, row.iou)} == {
        ("mcnv", "proposed"),
        ("mcnv", "e1"),
        ("mcnv", "e2"),
        ("mcnv", "e3"),
        ("duke", "res_utnet"),
        ("duke", "proposed"),
    }


def test_gaps_and_notes_of_the_papers_file_are_worked_out_from_its_rows():
    rows = {(row.dataset, row.method): (row.dice, row.iou) for row in printed(REPORTED)}
    seen = 0
    for table in REPORTED["tables"]:
        for row in table["rows"] if table["id"].startswith("table_pairs") else ():
            values = row["values"]
            assert values["gap"] == pytest.approx(gap(values["dice"], values["iou"]), abs=0.0051)
            assert (row.get("note") == "impossible") == impossible(values["dice"], values["iou"])
            assert rows[table["dataset"], row["method"]] == (values["dice"], values["iou"])
            seen += 1
    assert seen == len(rows)
