"""Impossible pairs of Dice and IoU; what the paper's file says of them."""

import numpy as np
import pytest

from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.segmentation import Counts, pooled, rates
from mlmi2023.papers.mcnv_oct.pairs import gap, impossible, least_iou, printed
from preflight_root import ROOT

REPORTED = read_yaml(ROOT / "resources/papers/mcnv_oct.yaml")

#: what the paper itself prints; other tables repeat its rows
PRINTED = ("table1", "table1_public", "table2")


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
    wrong = {(row.table, row.method) for row in printed(REPORTED) if impossible(row.dice, row.iou)}
    first = {(table, method) for table, method in wrong if table in PRINTED}
    assert first == {
        ("table1", "proposed"), ("table1_public", "res_utnet"), ("table1_public", "proposed"),
        ("table2", "e1"), ("table2", "e2"), ("table2", "e3"), ("table2", "proposed"),
    }  # fmt: skip


def test_gaps_and_notes_of_the_papers_file_are_worked_out_from_its_rows():
    rows = {(row.table[:12], row.method): row for row in printed(REPORTED)}
    seen = 0
    for table in REPORTED["tables"]:
        if not table["id"].startswith("table_pairs"):
            continue
        for row in table["rows"]:
            values = row["values"]
            assert values["gap"] == pytest.approx(gap(values["dice"], values["iou"]), abs=0.0051)
            assert (row.get("note") == "impossible") == impossible(values["dice"], values["iou"])
            source = (
                "table1_public"
                if table["dataset"] == "duke"
                else "table2"
                if row["method"][0] == "e"
                else "table1"
            )
            own = rows[source[:12], row["method"]]
            assert (own.dice, own.iou) == (values["dice"], values["iou"])
            seen += 1
    assert seen == 15
